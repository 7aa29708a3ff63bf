"""Blocks: each lowered graph, run by the engine, against the recorded torch graph.

This is the check on lowering, graph passes and engine. The inputs are those with which the forced paths
ran the graph; a graph that they did not reach is run on random inputs of its types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

from dyncc.compiler.calling import torch_dtype
from dyncc.compiler.check.compare import END_TO_END, Tolerances, compare
from dyncc.compiler.check.report import Mismatch, NearTie, Report
from dyncc.compiler.check.ties import NUDGES, nudged
from dyncc.compiler.graph import run_graph
from dyncc.runtime.program import Block, Compute, Program, ScalarType, TensorType

RunBlock: TypeAlias = "Callable[[str, Sequence[np.ndarray[Any, Any]]], Sequence[Any]]"
"""Runs the lowered graph of that name: arrays in, arrays out, in the order of the recorded graph."""
IsOpen: TypeAlias = "Callable[[str, Sequence[np.ndarray[Any, Any]]], bool]"
"""Whether what the graph of that name gives for these inputs is undefined where it runs."""

_FREE_SIZE = 3
"""The size that a symbol stands for in random inputs."""


def check_blocks(
    program: Program[torch.fx.Graph],
    weights: Mapping[str, torch.Tensor],
    harvest: Mapping[str, Sequence[Sequence[torch.Tensor]]],
    run_block: RunBlock,
    tolerances: Tolerances = END_TO_END,
    is_open: IsOpen = lambda _name, _inputs: False,
    factors: Sequence[float] = NUDGES,
) -> Report:
    """Compare all graphs of ``program``; ``harvest`` holds inputs of each (of a :class:`Report`).

    ``is_open`` says of inputs for which a difference was found whether the result is undefined for them,
    ``factors`` how far off a discrete output may be decided.
    """
    report = Report()
    for block in program.blocks.values():
        for step in block.steps:
            if not isinstance(step, Compute):
                continue
            graph = program.graphs[step.graph]
            given = harvest.get(step.graph) or random_inputs(graph)
            for inputs in given:
                _check(report, block, step, graph, weights, inputs, run_block, tolerances, is_open, factors)
    return report


def _check(
    report: Report,
    block: Block,
    step: Compute,
    graph: torch.fx.Graph,
    weights: Mapping[str, torch.Tensor],
    inputs: Sequence[torch.Tensor],
    run_block: RunBlock,
    tolerances: Tolerances,
    is_open: IsOpen,
    factors: Sequence[float],
) -> None:
    expected = _run_torch(graph, inputs, weights)
    if expected is None:
        # Forced decisions can lead where an operation fails; random inputs can too.
        report.aborted += 1
        return
    report.cases += 1
    case = f"in graph `{step.graph}`"
    try:
        actual = run_block(step.graph, [to_numpy(tensor) for tensor in inputs])
    except Exception as error:
        report.mismatches.append(Mismatch(f"the engine fails: {error}", block.name, step.span, case))
        return
    if len(actual) != len(expected):
        text = f"expected {len(expected)} outputs, got {len(actual)}"
        report.mismatches.append(Mismatch(text, block.name, step.span, case))
        return
    found = [
        (value, left, right, compare(left, right, tolerances, f"`{value.name}`"))
        for value, left, right in zip(step.outputs, expected, actual, strict=True)
    ]
    if any(comparison.differences for *_, comparison in found) and is_open(
        step.graph, [to_numpy(tensor) for tensor in inputs]
    ):
        report.aborted += 1
        return
    for _, left, right, comparison in found:
        report.largest_error = max(report.largest_error, comparison.largest)
        if not comparison.differences:
            continue
        text = str(comparison.differences[0])
        if not left.is_floating_point() and _is_near_tie(graph, weights, inputs, left, right, factors):
            report.near_ties.append(NearTie(text, step.span))
        else:
            report.mismatches.append(Mismatch(text, block.name, step.span, case))


def _run_torch(
    graph: torch.fx.Graph, inputs: Sequence[torch.Tensor], weights: Mapping[str, torch.Tensor]
) -> tuple[torch.Tensor, ...] | None:
    try:
        with torch.no_grad():
            return run_graph(graph, inputs, weights, _STABLE)
    except Exception:
        return None


def _stable_sort(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    given = {**dict(zip(("dim", "descending"), args, strict=False)), **kwargs, "stable": True}
    return torch.sort(tensor, **given)


def _stable_argsort(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    return _stable_sort(tensor, *args, **kwargs)[1]


def _stable_topk(
    tensor: torch.Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> Any:
    if not sorted or tensor.dim() == 0:
        return torch.topk(tensor, k, dim, largest, sorted)
    found = torch.sort(tensor, dim=dim, descending=largest, stable=True)
    return torch.return_types.topk([part.narrow(dim, 0, k) for part in found])  # type: ignore[attr-defined]


_STABLE = {
    **dict.fromkeys((torch.sort, torch.Tensor.sort), _stable_sort),
    **dict.fromkeys((torch.argsort, torch.Tensor.argsort), _stable_argsort),
    **dict.fromkeys((torch.topk, torch.Tensor.topk), _stable_topk),
}
"""The engines put the first of equal elements first. PyTorch leaves their order open (``torch.sort``), and
its kernels change it with the size; what depends on that order shows in the check on examples."""


def _is_near_tie(
    graph: torch.fx.Graph,
    weights: Mapping[str, torch.Tensor],
    inputs: Sequence[torch.Tensor],
    expected: torch.Tensor,
    actual: Any,
    factors: Sequence[float],
) -> bool:
    """Whether a tiny change of the inputs changes the discrete output ``expected`` where it differs."""
    position = next(
        i for i, o in enumerate(_run_torch(graph, inputs, weights) or ()) if _equal(o, expected)
    )
    differs = torch.from_numpy(np.asarray(actual != to_numpy(expected)))
    for factor in factors:
        outputs = _run_torch(graph, nudged(list(inputs), factor), weights)
        if outputs is not None and outputs[position].shape == expected.shape:
            differs = differs & (outputs[position] == expected)
    return not bool(differs.any())


def _equal(first: torch.Tensor, second: torch.Tensor) -> bool:
    return first.dtype == second.dtype and first.shape == second.shape and torch.equal(first, second)


def to_numpy(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """The array that an engine is given for ``tensor`` (``ml_dtypes.bfloat16`` for bfloat16)."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        import ml_dtypes

        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def random_inputs(graph: torch.fx.Graph, seed: int = 0) -> list[tuple[torch.Tensor, ...]]:
    """One set of inputs of the types of the graph's placeholders; none where a type is not known."""
    generator = torch.Generator().manual_seed(seed)
    made: list[torch.Tensor] = []
    for node in graph.nodes:
        if node.op != "placeholder":
            continue
        match node.meta.get("type"):
            case TensorType(dtype=dtype, shape=shape):
                sizes = [dim if isinstance(dim, int) else _FREE_SIZE for dim in shape]
                drawn = torch.randn(sizes, generator=generator)
                made.append(drawn > 0 if dtype == "bool" else drawn.abs().to(torch_dtype(dtype)))
            case ScalarType(kind=kind):
                made.append(
                    torch.tensor({"int": 1, "float": 0.5, "bool": True}[kind], dtype=_NUMBERS[kind])
                )
            case _:
                return []
    return [tuple(made)]


_NUMBERS = {"int": torch.int64, "float": torch.float64, "bool": torch.bool}

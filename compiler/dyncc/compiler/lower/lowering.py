"""Lowering: a program over recorded graphs to the same program over ONNX models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import ml_dtypes
import numpy as np
import onnx_ir
import torch
from torch import fx

from dyncc.compiler.lower.batch import lower_graphs
from dyncc.compiler.lower.quiet import quiet
from dyncc.runtime.program import Block, Compute, Program


@dataclass(frozen=True)
class Lowered:
    """``weights`` holds every weight of the program by name; the models' initializers share its memory."""

    program: Program[onnx_ir.Model]
    weights: dict[str, np.ndarray]
    kept: dict[str, tuple[int, ...]] = field(default_factory=dict[str, "tuple[int, ...]"])
    """Which inputs of each recorded graph its model has."""


def lower_program(
    program: Program[fx.Graph],
    weights: Mapping[str, torch.Tensor],
    *,
    hints: Mapping[str, int] | None = None,
) -> Lowered:
    """Convert every graph of ``program`` to ONNX.

    Inputs and outputs of a model correspond to those of its :class:`Compute` by position. An input that
    a graph does not use is dropped, from the model and from the steps that run it; a step whose graph
    returns nothing is dropped. ``hints`` gives example sizes of symbols.

    Raises :class:`~dyncc.compiler.diagnostics.CompileError` with a diagnostic for each call that cannot
    be converted (DY401) and each input whose sizes the exporter narrowed (DY402). The process is left as
    it was (see :func:`~dyncc.compiler.lower.quiet.quiet`).
    """
    used = {step.graph for step in _computes(program) if step.outputs}
    graphs = {name: graph for name, graph in program.graphs.items() if name in used}
    with quiet():
        arrays = {name: to_numpy(tensor) for name, tensor in weights.items()}
        models = lower_graphs(graphs, weights, arrays, hints or {})
    kept = {name: _drop_unused_inputs(model) for name, model in models.items()}
    blocks = {name: _rewritten(block, kept) for name, block in program.blocks.items()}
    return Lowered(replace(program, blocks=blocks, graphs=models), arrays, kept)


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """The array of a weight, sharing its memory where it is contiguous and on the CPU."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype is torch.bfloat16:
        return tensor.view(torch.uint16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def _computes(program: Program[fx.Graph]) -> Iterator[Compute]:
    for block in program.blocks.values():
        yield from (step for step in block.steps if isinstance(step, Compute))


def _drop_unused_inputs(model: onnx_ir.Model) -> tuple[int, ...]:
    """Remove inputs that no node reads; returns the positions of those that stay."""
    heads = list(model.graph.inputs)
    kept = tuple(index for index, value in enumerate(heads) if value.uses() or value in model.graph.outputs)
    model.graph.inputs[:] = [heads[index] for index in kept]
    return kept


def _rewritten(block: Block, kept: Mapping[str, Sequence[int]]) -> Block:
    steps = []
    for step in block.steps:
        if isinstance(step, Compute):
            if not step.outputs:
                continue
            step = replace(step, inputs=tuple(step.inputs[index] for index in kept[step.graph]))
        steps.append(step)
    return replace(block, steps=tuple(steps))

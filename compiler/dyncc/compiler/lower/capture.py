"""Capture: many recorded graphs in one ``torch.export``.

Each call of a graph is made under an annotation that names the graph and the node, which the exporter
carries along to what the call became; so a failure at any later stage is traced to its node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx
from torch.export import Dim, ExportedProgram
from torch.fx import traceback as fx_traceback

from dyncc.compiler.graph import placeholders, run_graph
from dyncc.compiler.lower.assertions import keep_assertions
from dyncc.compiler.lower.empty_kernels import refuse_empty_kernels
from dyncc.compiler.lower.failure import Failure, LoweringError, Place
from dyncc.compiler.lower.indices import guard_indices
from dyncc.compiler.lower.replace import replacement
from dyncc.compiler.lower.sizes import choose, equalities, example, ranges_of
from dyncc.compiler.lower.template import Template
from dyncc.compiler.lower.types import input_types
from dyncc.compiler.size_rules import size_rules

_KEY = "dyncc"


def place_of(node: fx.Node) -> Place | None:
    """The recorded call that a node of an exported program comes from, if that is known."""
    mark = node.meta.get("custom", {}).get(_KEY)
    return None if mark is None else Place(*mark)


@dataclass(eq=False)
class Numbers:
    """The integers that graphs read from tensors, by place.

    ``natural`` are those that are taken to be not negative from the moment that they are read.
    """

    natural: frozenset[Place] = frozenset()
    read: list[tuple[Place, torch.SymInt]] = field(default_factory=list)

    def note(self, place: Place, value: Any) -> None:
        if isinstance(value, torch.SymInt):
            self.read.append((place, value))
            if place in self.natural:
                torch._check(value >= 0)

    def found_natural(self) -> frozenset[Place]:
        """Those of which the export found out that they are not negative (as they became sizes)."""
        return frozenset(place for place, value in self.read if _is_natural(value))


def _is_natural(value: torch.SymInt) -> bool:
    environment = value.node.shape_env
    return environment is not None and bool(environment.bound_sympy(value.node.expr).lower >= 0)


@dataclass(frozen=True)
class _Located:
    """A callable that makes its call under an annotation of its place."""

    target: Callable[..., Any]
    place: Place
    numbers: Numbers

    @property
    def __name__(self) -> str:
        return getattr(self.target, "__name__", "call")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with fx_traceback.annotate({_KEY: (self.place.template, self.place.node)}):
            try:
                result = replacement(self.target)(*args, **kwargs)
                self.numbers.note(self.place, result)
                return result
            except LoweringError:
                raise
            except Exception as error:
                raise LoweringError([Failure(self.place, _reason(error))]) from error


class _Batch(torch.nn.Module):
    """All graphs of a batch on their own inputs; weights come first, as inputs too.

    A further input, which nothing uses, is there because an export without any fails.
    """

    def __init__(self, batch: Sequence[Template], numbers: Numbers) -> None:
        super().__init__()
        self.names = weight_names(batch)
        self.graphs = [_located(template.graph, index, numbers) for index, template in enumerate(batch)]

    def forward(
        self,
        weights: Sequence[torch.Tensor],
        groups: Sequence[Sequence[torch.Tensor]],
        unused: torch.Tensor,
    ) -> tuple[Any, ...]:
        named = dict(zip(self.names, weights, strict=True))
        return tuple(_run(graph, inputs, named) for graph, inputs in zip(self.graphs, groups, strict=True))


def _run(
    graph: fx.Graph, inputs: Sequence[torch.Tensor], weights: Mapping[str, torch.Tensor]
) -> tuple[torch.Tensor, ...]:
    types, ranges = input_types(graph), ranges_of(graph)
    for _, size, value in equalities(types, inputs):
        torch._check(size == value)
    for type_, tensor in zip(types, inputs, strict=True):
        for dim, size in zip(type_.shape, tensor.shape, strict=True):
            if (range_ := ranges.get(dim)) is not None:
                torch._check(size >= range_.least)
                if range_.most is not None:
                    torch._check(size <= range_.most)
    return run_graph(graph, inputs, weights)


def _located(graph: fx.Graph, index: int, numbers: Numbers) -> fx.Graph:
    new = fx.Graph()
    values: dict[fx.Node, fx.Node] = {}
    for position, node in enumerate(graph.nodes):
        values[node] = new.node_copy(node, values.__getitem__)
        if node.op == "call_function":
            assert callable(node.target)
            values[node].target = _Located(node.target, Place(index, position), numbers)
    return new


def weight_names(batch: Sequence[Template]) -> list[str]:
    """The weights of a batch, each once, in the order in which the export takes them."""
    return list(dict.fromkeys(name for template in batch for name in template.weights))


def capture(
    batch: Sequence[Template],
    weights: Mapping[str, torch.Tensor],
    hints: Mapping[str, int],
    candidates: Sequence[int],
    numbers: Numbers,
) -> ExportedProgram:
    """Export a batch. Inputs: its weights, then each template's inputs; outputs: each template's.

    ``candidates`` are the example sizes of symbols for which ``hints`` has none. Raises
    :class:`LoweringError`.
    """
    module = _Batch(batch, numbers).eval()
    groups, shapes = [], []
    for template in batch:
        nodes = placeholders(template.graph)
        types = input_types(template.graph)
        sizes = choose(types, hints, candidates, ranges_of(template.graph))
        groups.append(tuple(example(node, sizes) for node in nodes))
        shapes.append(tuple(_dynamic(type_.shape) for type_ in types))
    stored = tuple(weights[name].detach() for name in module.names)
    try:
        # (where gradients are off, operators choose the kernels, and so the strides, that the program met)
        with fx_traceback.preserve_node_meta(), sizes_from_zero(), size_rules(), torch.no_grad():
            program = torch.export.export(
                module,
                (stored, tuple(groups), torch.zeros(())),
                dynamic_shapes=((None,) * len(stored), tuple(shapes), None),
                strict=False,
            )
    except Exception as error:
        raise _located_error(error) from error
    _forget_strides(program)
    _forget_guards(program)
    guard_indices(program.graph)
    refuse_empty_kernels(program.graph)
    keep_assertions(program, batch, len(stored))
    return program


def _forget_strides(program: ExportedProgram) -> None:
    """Let a ``view`` not depend on how its tensor lies in memory, which decompositions change."""
    for node in program.graph.nodes:
        if node.target is torch.ops.aten.view.default:
            node.target = torch.ops.aten.reshape.default


def _forget_guards(program: ExportedProgram) -> None:
    """What the export asked of sizes is known from then on; asked again, as Python, it is a question of
    each ``max`` and ``min`` in it: which of two sizes is larger in the example."""
    program._guards_code = []


def sizes_from_zero() -> AbstractContextManager[Any]:
    """Let a size be 0 or 1 unless it is shown not to be; exports take 2 and more for granted."""
    return torch.fx.experimental._config.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]


def _located_error(error: BaseException) -> LoweringError:
    """The error that a call raised, from under what the exporter made of it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, LoweringError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return LoweringError([Failure(None, _reason(error))])


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().split(chr(10))[0]}"


def _dynamic(shape: Sequence[int | str]) -> dict[int, Any] | None:
    return {axis: Dim.AUTO for axis, dim in enumerate(shape) if isinstance(dim, str)} or None

"""The proof that an export kept free every size that a graph's types leave free.

``torch.export`` decides a condition on a size by the example's and says nothing (seen: one side of
``x.shape[0] > 1`` baked into an ONNX file). What it decided shows in the dims of its inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy
import torch
from torch import fx
from torch.export import ExportedProgram
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils._sympy.functions import Mod, PythonMod

from dyncc.compiler.graph import placeholders
from dyncc.compiler.lower.capture import weight_names
from dyncc.compiler.lower.failure import Failure, LoweringError, Place
from dyncc.compiler.lower.template import Template
from dyncc.compiler.lower.types import input_type

_TRIALS = (2, 3, 5, 8, 19, 1000)
"""Sizes that a guard is tried on, all of its sizes alike, and each beside others of ``_BESIDE``."""
_BESIDE = 11


def check_sizes(batch: Sequence[Template], program: ExportedProgram) -> None:
    """Raise :class:`LoweringError` for every input whose exported dims allow less than its type."""
    names = set(program.graph_signature.user_inputs)
    heads = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    shapes = iter([tuple(node.meta["val"].shape) for node in heads[len(weight_names(batch)) :]])
    failures: list[Failure] = []
    for index, template in enumerate(batch):
        positions = {node: position for position, node in enumerate(template.graph.nodes)}
        for node, problem in _narrowed(
            template.graph, [next(shapes) for _ in placeholders(template.graph)]
        ):
            failures.append(Failure(Place(index, positions[node]), problem, narrowed=True))
    if failures:
        raise LoweringError(failures)


def check_derived_sizes(program: ExportedProgram) -> None:
    """Raise :class:`LoweringError` where a size that is computed from free ones was taken to be 0 or 1.

    ``(n - 3) // 3 + 1`` is 1 for an example size of 5; the exporter then leaves it so (it broadcasts).
    """
    environment = _environment(program)
    if environment is not None:
        _check_guards(environment)


@dataclass(frozen=True)
class KnownSizes:
    """What was known of the sizes of an export at some time: how many guards there were, and the ranges."""

    environment: ShapeEnv | None
    guards: int = 0
    ranges: Mapping[sympy.Symbol, Any] = field(default_factory=dict[sympy.Symbol, Any])

    @staticmethod
    def of(program: ExportedProgram) -> KnownSizes:
        environment = _environment(program)
        if environment is None:
            return KnownSizes(None)
        return KnownSizes(environment, len(environment.guards), dict(environment.var_to_range))


def check_assumed(known: KnownSizes) -> None:
    """Raise :class:`LoweringError` where a guard that came later fails for sizes that are possible.

    A decomposition may ask something of the example sizes (``table[:n]`` is all of the table for an ``n``
    of five), and its result is for those that answer alike. Sizes of 0 and 1 are left out: PyTorch says of
    each that it is none of them, and ONNX broadcasts by what it finds. So are those that come out so.
    """
    environment, ranges = known.environment, known.ranges
    for guard in environment.guards[known.guards :] if environment is not None else ():
        symbols = sorted(guard.expr.free_symbols, key=str)
        trials = [dict.fromkeys(symbols, size) for size in _TRIALS]
        trials += [{**dict.fromkeys(symbols, _BESIDE), s: size} for s in symbols for size in _TRIALS]
        for sizes in trials:
            possible = all(symbol not in ranges or size in ranges[symbol] for symbol, size in sizes.items())
            if possible and guard.expr.subs(sizes) == sympy.false and not _of_small(guard.expr, sizes):
                reason = f"what is made of a size was decided by an example: {guard.expr}"
                raise LoweringError([Failure(None, reason, narrowed=True)])


def _of_small(relation: Any, sizes: Mapping[sympy.Symbol, int]) -> bool:
    """Whether a size that is computed from ``sizes`` is 0 or 1, and the relation is about that."""
    return any(side.free_symbols and side.subs(sizes) in (0, 1) for side in relation.args)


def _environment(program: ExportedProgram) -> ShapeEnv | None:
    """What an export knows of its sizes; None where all of them are numbers."""
    for node in program.graph.nodes:
        value = node.meta.get("val")
        for size in value.shape if isinstance(value, torch.Tensor) else ():
            if isinstance(size, torch.SymInt):
                return size.node.shape_env
    return None


def _check_guards(environment: Any) -> None:
    for guard in environment.guards:
        relation = guard.expr
        if not isinstance(relation, sympy.Eq) or relation.has(PythonMod, Mod):
            continue
        sides = (relation.lhs, relation.rhs)
        if any(side in (0, 1) for side in sides) and any(side.free_symbols for side in sides):
            reason = f"a size that is computed from free ones became fixed: {relation}"
            raise LoweringError([Failure(None, reason, narrowed=True)])


def _narrowed(graph: fx.Graph, shapes: Sequence[Sequence[Any]]) -> Iterator[tuple[fx.Node, str]]:
    owners: dict[str, str] = {}
    for node, shape in zip(placeholders(graph), shapes, strict=True):
        for axis, (dim, size) in enumerate(zip(input_type(node).shape, shape, strict=True)):
            if isinstance(dim, int):
                continue
            text = str(size)
            if text.lstrip("-").isdecimal():
                yield node, f"size `{dim}` of axis {axis} of `{node.name}` became {text}"
            elif (owner := owners.setdefault(text, dim)) != dim:
                yield node, f"sizes `{owner}` and `{dim}` of `{node.name}` became equal"

"""The proof that an export kept free every size that a graph's types leave free.

``torch.export`` decides a condition on a size by the example's and says nothing (seen: one side of
``x.shape[0] > 1`` baked into an ONNX file). What it decided shows in the dims of its inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sympy
import torch
from torch import fx
from torch.export import ExportedProgram
from torch.utils._sympy.functions import Mod, PythonMod

from dyncc.compiler.graph import placeholders
from dyncc.compiler.lower.capture import weight_names
from dyncc.compiler.lower.failure import Failure, LoweringError, Place
from dyncc.compiler.lower.template import Template
from dyncc.compiler.lower.types import input_type


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
    for node in program.graph.nodes:
        value = node.meta.get("val")
        sizes = value.shape if isinstance(value, torch.Tensor) else ()
        for size in sizes:
            if isinstance(size, torch.SymInt):
                _check_guards(size.node.shape_env)
                return


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

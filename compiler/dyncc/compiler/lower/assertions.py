"""What PyTorch assumes of sizes that data decide, the engine has to check.

``torch.stack([x[x > 0], x[x < 1]])`` is exported under the assumption that both have as many elements,
which the exported program asserts. Decompositions drop the assertions, and engines are lax: ONNX Runtime
fills up an empty operand of Concat with what lies in memory. So each assertion becomes part of a result.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram
from torch.export.graph_signature import TensorArgument

import dyncc.compiler.size_checks  # noqa: F401  # makes the operator known
from dyncc.compiler.graph import placeholders
from dyncc.compiler.lower.failure import Failure, LoweringError
from dyncc.compiler.lower.template import Template

aten = torch.ops.aten
_SIZE, _OFFSET = aten.sym_size.int, aten.sym_storage_offset.default
_RELATIONS = {operator.eq: "eq", operator.ne: "ne", operator.le: "le", operator.lt: "lt"}
_SWAPPED = {operator.ge: "le", operator.gt: "lt"}
_LARGEST = torch.iinfo(torch.int64).max // 2
"""No size is as large: the exporter calculates with such bounds of what it does not know."""
_NOT, _AND, _OR = (torch.sym_not, operator.not_), (operator.and_,), (operator.or_,)
Relation = tuple[Any, str, Any]
"""Two sides (a number, a node of one, or an :class:`Axis`) and what holds of them: eq, ne, le or lt."""


def keep_assertions(program: ExportedProgram, batch: Sequence[Template], weights: int) -> None:
    """Let a result of each template hold only under the assertions made on its way, in place.

    ``program`` is an export of ``batch``, before decompositions: its first ``weights`` inputs are weights,
    then come those of each template.
    """
    owners = _owners(program, batch, weights)
    output = next(iter(reversed(program.graph.nodes)))
    results = list(output.args[0])
    first = _first_results(batch)
    for node in list(program.graph.nodes):
        if node.target is not aten._assert_scalar.default:
            continue
        template = next((owners[n] for n in _sources(node) if n in owners), None)
        if template is None or (place := first[template]) is None:
            continue
        for clause in _clauses(node.args[0]):
            if any(itertools.starmap(_holds_always, clause)):
                continue
            with program.graph.inserting_before(output):
                results[place] = held(program.graph, results[place], clause)
            spec = program.graph_signature.output_specs[place]
            spec.arg = TensorArgument(name=results[place].name)
    output.args = (tuple(results),)
    program.graph_module.recompile()


def _owners(program: ExportedProgram, batch: Sequence[Template], weights: int) -> dict[fx.Node, int]:
    """The template that each input belongs to (constants are inputs too, before those of the export)."""
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    inputs = iter(program.graph_signature.user_inputs[weights:])
    return {
        nodes[str(next(inputs))]: index
        for index, template in enumerate(batch)
        for _ in placeholders(template.graph)
    }


def _first_results(batch: Sequence[Template]) -> list[int | None]:
    """The place of each template's first result among those of the batch; None where it has none."""
    places: list[int | None] = []
    total = 0
    for template in batch:
        output = next(iter(reversed(template.graph.nodes)))
        count = len(output.args[0])
        places.append(total if count else None)
        total += count
    return places


def _clauses(condition: Any) -> list[list[Relation]]:
    """An asserted condition as relations of numbers: one of each list holds.

    Raises LoweringError where it is made of anything else: it could not be checked.
    """
    if not isinstance(condition, fx.Node):
        return []
    target, parts = condition.target, condition.args
    if target in _RELATIONS:
        return [[(parts[0], _RELATIONS[target], parts[1])]]
    if target in _SWAPPED:
        return [[(parts[1], _SWAPPED[target], parts[0])]]
    inner = [_clauses(part) for part in parts] if target in (*_NOT, *_AND, *_OR) else []
    if target in _AND:
        return [clause for clauses in inner for clause in clauses]
    if target in _OR and all(len(clauses) == 1 for clauses in inner):
        return [[relation for (clause,) in inner for relation in clause]]
    if target in _NOT and len(inner[0]) == 1:
        return [[_opposite(*relation)] for relation in inner[0][0]]
    reason = (
        f"the condition on sizes `{condition.meta.get('val', condition)}` cannot be checked when it runs"
    )
    raise LoweringError([Failure(None, reason)])


def _opposite(left: Any, relation: str, right: Any) -> Relation:
    if relation in ("eq", "ne"):
        return left, "ne" if relation == "eq" else "eq", right
    return right, "lt" if relation == "le" else "le", left


def _holds_always(left: Any, relation: str, right: Any) -> bool:
    """Whether a condition is one that the exporter asserts of every size."""
    if relation in ("le", "lt") and isinstance(right, int) and right > _LARGEST:
        return True
    if relation != "le":
        return all(map(_is_given, (left, right)))
    if left == 0 and isinstance(right, fx.Node) and right.target in (_SIZE, _OFFSET):
        return True
    if _is_size(left) and (bound := _most(left.args[0])) is not None:
        limit = right.meta.get("val") if isinstance(right, fx.Node) else right
        known = isinstance(bound, int) and isinstance(limit, int)
        return bound <= limit if known else str(bound) == str(limit)
    return all(map(_is_given, (left, right)))


_SELECTIONS = tuple(
    getattr(aten, name)
    for name in (
        "nonzero",
        "nonzero_numpy",
        "masked_select",
        "_unique2",
        "unique_dim",
        "unique_consecutive",
    )
)


def _most(made: Any) -> Any:
    """How large a selection can be: no larger than its source. None for another tensor."""
    if made.target is operator.getitem:  # one of several results
        made = made.args[0]
    target, args = made.target, made.args
    if (
        not args
        or not isinstance(args[0], fx.Node)
        or not isinstance(args[0].meta.get("val"), torch.Tensor)
    ):
        return None
    source = args[0].meta["val"]
    if target is aten.slice.Tensor:
        return source.shape[args[1] if len(args) > 1 else 0]
    if target is aten.index.Tensor:
        masks = [index.meta["val"] for index in args[1] if index is not None]
        sizes = [mask.numel() for mask in masks if mask.dtype is torch.bool]
        return sizes[0] if len(sizes) == 1 else None
    selects = target is aten.where.default or getattr(target, "overloadpacket", None) in _SELECTIONS
    return source.numel() if selects else None


def _is_size(value: Any) -> bool:
    return isinstance(value, fx.Node) and value.target is _SIZE


def _is_given(value: Any) -> bool:
    """Whether a number is that, or computed from the sizes of inputs alone: what the recorder asked of
    those it has settled."""
    if not isinstance(value, fx.Node):
        return True
    if _is_size(value):
        return value.args[0].op == "placeholder"  # type: ignore[union-attr]
    arithmetic = value.op == "call_function" and not isinstance(value.target, torch._ops.OpOverload)
    return arithmetic and all(map(_is_given, value.args))


@dataclass(frozen=True)
class Axis:
    """The size of a tensor at an axis."""

    tensor: fx.Node
    axis: int


def _operand(value: Any) -> tuple[Any, Any]:
    """A number, or a tensor and its axis: a size as such is taken for the one that it is asserted to be."""
    if isinstance(value, Axis):
        return value.tensor, value.axis
    return value.args if _is_size(value) else (None, value)


def _sources(node: fx.Node) -> Iterator[fx.Node]:
    """The inputs that a node depends on."""
    seen, pending = {node}, [node]
    while pending:
        current = pending.pop()
        if current.op == "placeholder":
            yield current
        for other in current.all_input_nodes:
            if other not in seen:
                seen.add(other)
                pending.append(other)


def held(graph: fx.Graph, result: fx.Node, clause: Sequence[Relation]) -> fx.Node:
    """``result``, where one of the relations holds."""
    sides = [_operand(side) for left, _, right in clause for side in (left, right)]
    tensors, numbers = [tensor for tensor, _ in sides], [number for _, number in sides]
    relations = [relation for _, relation, _ in clause]
    node = graph.call_function(torch.ops.dyncc.holds.default, (result, relations, tensors, numbers))
    node.meta.update({key: value for key, value in result.meta.items() if key != "unbacked_bindings"})
    return node

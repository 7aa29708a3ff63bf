"""Merge operators that only say in which shape to read the same data.

Reshape, Squeeze, Unsqueeze, Flatten, Identity, and a Transpose that moves axes of size 1 alone, leave the
data in order; two of them in a row are one Reshape to the last shape, and one whose shape does not change
is nothing::

    reshape(reshape(x, s), t) = reshape(x, t)          reshape(x, shape(x)) = x

An operator that works element by element commutes with them, ``f(reshape(x, s)) = reshape(f(x), s)``, so
they are moved behind it where it is their only user, to meet others. Where the shape is needed, one Reshape
stays.

Refuses values whose shape is not known in numbers: a size that is free at run time may be 1 or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, TypeAlias

import onnx_ir

from dyncc.ir import Program
from dyncc.passes.base import Result
from dyncc.passes.onnx_edit import (
    constant,
    has_other_uses,
    infer_shapes,
    insert_after,
    is_output,
    remove_unused,
    replace_value,
    static_shape,
)

Shape: TypeAlias = "tuple[int, ...]"

VIEWS = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"})
UNARY = frozenset(
    {
        *("Abs", "Cast", "Ceil", "Cos", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish"),
        *(
            "IsInf",
            "IsNaN",
            "LeakyRelu",
            "Log",
            "Mish",
            "Neg",
            "Not",
            "Reciprocal",
            "Relu",
            "Round",
            "Selu",
        ),
        *("Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Sqrt", "Tan", "Tanh"),
    }
)
BINARY = frozenset(
    {
        *("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "And", "Or", "Xor", "Equal", "Greater"),
        *("GreaterOrEqual", "Less", "LessOrEqual"),
    }
)
"""Element by element, where the other operand is one number."""


@dataclass(frozen=True, slots=True)
class MergeReshapes:
    """One Reshape, or none, in the place of several in a row."""

    name: ClassVar[str] = "merge-reshapes"

    def run_onnx(self, program: Program[onnx_ir.Model]) -> Result[onnx_ir.Model]:
        notes: list[str] = []
        for name, model in program.graphs.items():
            before = len(model.graph)
            infer_shapes(model)
            if _merge(model.graph):
                remove_unused(model)
                notes.append(f"graph `{name}`: {before} → {len(model.graph)} operators")
        return Result(program, bool(notes), tuple(notes))


def _merge(graph: onnx_ir.Graph) -> bool:
    changed = False
    for node in list(graph):
        changed |= _sink(graph, node)
    for node in list(graph):
        changed |= _shorten(graph, node)
    return changed


def is_view(node: onnx_ir.Node | None) -> bool:
    """Whether a node's result is its first input's data in the same order, both shapes known."""
    if node is None or node.domain or not node.inputs or node.inputs[0] is None:
        return False
    given, made = static_shape(node.inputs[0]), static_shape(node.outputs[0])
    if given is None or made is None or prod(given) != prod(made):
        return False
    return node.op_type in VIEWS or (node.op_type == "Transpose" and _moves_ones(node, given))


def _moves_ones(node: onnx_ir.Node, shape: Shape) -> bool:
    perm = list(node.attributes["perm"].as_ints()) if "perm" in node.attributes else None
    order = perm if perm is not None else list(reversed(range(len(shape))))
    moved = [axis for axis in order if shape[axis] != 1]
    return moved == sorted(moved)


def _base(value: onnx_ir.Value) -> onnx_ir.Value:
    """What ``value`` is a view of."""
    node = value.producer()
    while node is not None and is_view(node) and node.inputs[0] is not None:
        value = node.inputs[0]
        node = value.producer()
    return value


def _shorten(graph: onnx_ir.Graph, node: onnx_ir.Node) -> bool:
    """Let a view be one of what the views before it view, or nothing."""
    if node.graph is not graph or not is_view(node):
        return False
    (made,) = node.outputs
    base = _base(made)
    shape = static_shape(made)
    assert shape is not None
    if static_shape(base) == shape:
        return replace_value(graph, made, base)
    if base is node.inputs[0] and node.op_type == "Reshape":
        return False
    target = constant(graph, f"{made.name}_shape", shape)
    new = onnx_ir.node("Reshape", [base, target])
    insert_after(graph, node, new, like=made, shape=shape)
    replace_value(graph, made, new.outputs[0])
    return True


def _sink(graph: onnx_ir.Graph, node: onnx_ir.Node) -> bool:
    """Move a view from before an operator on elements to behind it."""
    index = _elementwise_input(node)
    if index is None:
        return False
    value = node.inputs[index]
    assert value is not None
    view = value.producer()
    (made,) = node.outputs
    shape = static_shape(made)
    if view is None or not is_view(view) or has_other_uses(value) or shape is None:
        return False
    if static_shape(value) != shape:
        return False  # the other operand has more axes
    base = _base(value)
    base_shape = static_shape(base)
    assert base_shape is not None
    if len(base_shape) < _rank_of_other(node, index):
        return False
    node.replace_input_with(index, base)
    made.shape = onnx_ir.Shape(base_shape)
    target = constant(graph, f"{made.name}_shape", shape)
    back = onnx_ir.node("Reshape", [made, target])
    insert_after(graph, node, back, like=made, shape=shape)
    replace_value(graph, made, back.outputs[0], keep={back})
    return True


def _elementwise_input(node: onnx_ir.Node) -> int | None:
    """Which input an operator maps element by element, if it does."""
    if node.domain or len(node.outputs) != 1:
        return None
    if node.op_type in UNARY and len(node.inputs) == 1:
        return 0
    if node.op_type not in BINARY or len(node.inputs) != 2:
        return None
    for index in (0, 1):
        other: Any = node.inputs[1 - index]
        if other is not None and other.const_value is not None and prod(other.const_value.shape) == 1:
            return index if not is_output(node.inputs[index]) else None
    return None


def _rank_of_other(node: onnx_ir.Node, index: int) -> int:
    if len(node.inputs) < 2:
        return 0
    other = node.inputs[1 - index]
    return 0 if other is None or other.const_value is None else len(tuple(other.const_value.shape))

"""Products of matrices: with weights and between activations."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir

from dyncc.passes.prune.description import Description
from dyncc.passes.prune.operators.base import Operator, attribute, required, value_of


def matmul(about: Description, node: onnx_ir.Node) -> None:
    """``Y[…, m, n] = A[…, m, k] B[…, k, n]``; a one-dimensional operand lacks ``m`` or ``n``."""
    one, other, result = required(node, 0), required(node, 1), node.outputs[0]
    left, right = about.rank(one) > 1, about.rank(other) > 1
    about.tie(one, -1, other, -2 if right else 0)
    about.contract(node, 0, -1)
    if not about.rewrites_graph and not (is_weight(one) or is_weight(other)):
        about.freeze(one, -1, "attention scales by the width of its heads, which code takes from its size")
    if left:
        about.tie(one, -2, result, -2 if right else -1)
    if right:
        about.tie(other, -1, result, -1)
        about.produce(other, -1)
    if left and right:
        about.broadcast(one, result, skip=2)
        about.broadcast(other, result, skip=2)
        return
    batched = one if left else other
    for axis in range(about.rank(batched) - 2):
        about.tie(batched, axis, result, axis)


def is_weight(value: onnx_ir.Value) -> bool:
    """Whether a value is a constant, or made from constants alone by operators of one input."""
    while value.const_value is None:
        maker = value.producer()
        if maker is None or len(maker.inputs) != 1 or maker.inputs[0] is None:
            return False
        value = maker.inputs[0]
    return True


def gemm(about: Description, node: onnx_ir.Node) -> None:
    one, other, added, result = required(node, 0), required(node, 1), value_of(node, 2), node.outputs[0]
    rows, inner = (1, 0) if attribute(node, "transA", 0) else (0, 1)
    deep, columns = (1, 0) if attribute(node, "transB", 0) else (0, 1)
    about.tie(one, inner, other, deep)
    about.tie(one, rows, result, 0)
    about.tie(other, columns, result, 1)
    about.contract(node, 0, inner)
    about.produce(other, columns)
    if added is not None:
        about.broadcast(added, result)


def einsum(about: Description, node: onnx_ir.Node) -> None:
    """Axes of the same label go together; a label that the result lacks is summed over."""
    equation = str(attribute(node, "equation")).replace(" ", "")
    operands, _, target = equation.partition("->")
    terms = operands.split(",")
    if "..." in equation or "->" not in equation or any(len(set(t)) < len(t) for t in (*terms, target)):
        about.freeze_all(node, f"the equation `{equation}` is not followed")
        return
    places: dict[str, list[tuple[onnx_ir.Value, int]]] = {}
    for index, term in enumerate(terms):
        for axis, label in enumerate(term):
            places.setdefault(label, []).append((required(node, index), axis))
            if label not in target and len(places[label]) == 1:
                about.contract(node, index, axis)
            if label in target:
                about.produce(required(node, index), axis)
    for axis, label in enumerate(target):
        places.setdefault(label, []).append((node.outputs[0], axis))
    for found in places.values():
        _all_tied(about, found)


def _all_tied(about: Description, places: Sequence[tuple[onnx_ir.Value, int]]) -> None:
    first, axis = places[0]
    about.free(first, axis)
    for value, other in places[1:]:
        about.tie(first, axis, value, other)


OPERATORS = {"MatMul": Operator(matmul), "Gemm": Operator(gemm), "Einsum": Operator(einsum)}

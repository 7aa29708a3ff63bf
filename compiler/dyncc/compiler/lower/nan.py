"""Maxima and minima of what may hold nan: PyTorch answers nan, and the place of the first one; ONNX Runtime
what its order makes of it."""

from __future__ import annotations

import onnx_ir

from dyncc.compiler.lower.rewrite import after, replace_uses

_D = onnx_ir.DataType
_FLOATS = frozenset({_D.FLOAT, _D.DOUBLE, _D.FLOAT16, _D.BFLOAT16})
_ALL_OR_NONE = frozenset({"Softmax", "LogSoftmax"})
"""A row of these is nan as a whole or not at all, so its maximum is right by itself."""


def propagate_nan(graph: onnx_ir.Graph) -> None:
    """Give each maximum and minimum of floats the answer nan where there is a nan, and its place."""
    for node in list(graph):
        source = node.inputs[0] if node.inputs else None
        if node.op_type not in _GUARDS or node.domain or source is None:
            continue
        if source.dtype in _FLOATS and not _is_whole(source, node):
            _GUARDS[node.op_type](node, source)


def _is_whole(source: onnx_ir.Value, node: onnx_ir.Node) -> bool:
    """Whether each element of the result is the maximum of one row of a softmax."""
    producer = source.producer()
    if producer is None or producer.op_type not in _ALL_OR_NONE or source.shape is None:
        return False
    rank = len(source.shape)
    reduced = _axes(node, rank)
    if reduced is None:
        return False
    own = producer.attributes.get_int("axis", -1) % rank
    return own in reduced and all(source.shape[axis] == 1 for axis in reduced - {own})


def _axes(node: onnx_ir.Node, rank: int) -> set[int] | None:
    """The axes that a node reduces; None where they are not known."""
    if node.op_type in ("ArgMax", "ArgMin"):
        return {node.attributes.get_int("axis", 0) % rank} if rank else set()
    given = node.inputs[1] if len(node.inputs) > 1 else None
    if given is None:
        return set(range(rank))
    axes = onnx_ir.convenience.get_const_tensor(given)
    return None if axes is None else {int(axis) % rank for axis in axes.numpy().reshape(-1)}


def _guard_value(node: onnx_ir.Node, source: onnx_ir.Value) -> None:
    """``min(result, sum |x|)``: the sum is no less than any element, however it is rounded, and nan exactly
    where one is: absolute values never add up to ``inf - inf``. ``Min`` of two tensors keeps a nan."""
    (result,) = node.outputs
    dtype = source.dtype
    assert dtype is not None
    attributes = dict(node.attributes)
    if dtype is _D.FLOAT:
        total = after(result, "ReduceL1", list(node.inputs), dtype, result.shape, attributes)
    else:  # for which ONNX Runtime has no ReduceL1
        size = after(result, "Abs", [source], dtype, source.shape)
        total = after(size, "ReduceSum", [size, *node.inputs[1:]], dtype, result.shape, attributes)
    replace_uses(result, after(total, "Min", [result, total], dtype, result.shape))


def _guard_place(node: onnx_ir.Node, source: onnx_ir.Value) -> None:
    """The first nan, where there is one: the first place at which ``IsNaN(x)`` is largest."""
    (result,) = node.outputs
    kept = node.attributes.get_int("keepdims", 1)
    isnan = after(result, "IsNaN", [source], _D.BOOL, source.shape)
    isnan = after(isnan, "Cast", [isnan], _D.FLOAT, source.shape, {"to": _D.FLOAT})
    place = after(isnan, "ArgMax", [isnan], _D.INT64, result.shape, dict(node.attributes))
    axes = {"value_ints": [node.attributes.get_int("axis", 0)]}
    axis = after(place, "Constant", [], _D.INT64, onnx_ir.Shape([1]), axes)
    found = after(axis, "ReduceMax", [isnan, axis], _D.FLOAT, result.shape, {"keepdims": kept})
    found = after(found, "Cast", [found], _D.BOOL, result.shape, {"to": _D.BOOL})
    replace_uses(result, after(found, "Where", [found, place, result], _D.INT64, result.shape))


_GUARDS = {
    "ReduceMax": _guard_value,
    "ReduceMin": _guard_value,
    "ArgMax": _guard_place,
    "ArgMin": _guard_place,
}

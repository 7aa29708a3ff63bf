"""Maxima and minima of what may hold nan: PyTorch answers nan, ONNX Runtime what its order makes of it."""

from __future__ import annotations

import onnx_ir

from dyncc.compiler.lower.rewrite import after, replace_uses

_D = onnx_ir.DataType
_FLOATS = frozenset({_D.FLOAT, _D.DOUBLE, _D.FLOAT16, _D.BFLOAT16})
_ALL_OR_NONE = frozenset({"Softmax", "LogSoftmax"})
"""A row of these is nan as a whole or not at all, so its maximum is right by itself."""


def propagate_nan(graph: onnx_ir.Graph) -> None:
    """Give each ReduceMax and ReduceMin of floats the answer nan where there is a nan.

    ``ReduceSum(Abs(x))`` is nan exactly then: absolute values never add up to ``inf - inf``.
    """
    for node in list(graph):
        source = node.inputs[0] if node.inputs else None
        if node.op_type not in ("ReduceMax", "ReduceMin") or node.domain or source is None:
            continue
        if source.dtype in _FLOATS and not _is_whole(source, node):
            _guard(node, source)


def _is_whole(source: onnx_ir.Value, node: onnx_ir.Node) -> bool:
    """Whether each element of the result is the maximum of one row of a softmax."""
    producer = source.producer()
    if producer is None or producer.op_type not in _ALL_OR_NONE or source.shape is None:
        return False
    rank = len(source.shape)
    given = node.inputs[1] if len(node.inputs) > 1 else None
    axes = None if given is None else onnx_ir.convenience.get_const_tensor(given)
    if given is not None and axes is None:
        return False
    reduced = set(range(rank)) if axes is None else {int(axis) % rank for axis in axes.numpy().reshape(-1)}
    own = producer.attributes.get_int("axis", -1) % rank
    return own in reduced and all(source.shape[axis] == 1 for axis in reduced - {own})


def _guard(node: onnx_ir.Node, source: onnx_ir.Value) -> None:
    (result,) = node.outputs
    dtype = source.dtype
    assert dtype is not None
    attributes = dict(node.attributes)
    size = after(result, "Abs", [source], dtype, source.shape)
    total = after(size, "ReduceSum", [size, *node.inputs[1:]], dtype, result.shape, attributes)
    bad = after(total, "IsNaN", [total], _D.BOOL, result.shape)
    replace_uses(result, after(bad, "Where", [bad, total, result], dtype, result.shape))

"""Maxima and minima of what may hold nan: PyTorch answers nan, ONNX Runtime whatever comes of its order."""

from __future__ import annotations

import onnx_ir

_FLOATS = frozenset(
    {onnx_ir.DataType.FLOAT, onnx_ir.DataType.DOUBLE, onnx_ir.DataType.FLOAT16, onnx_ir.DataType.BFLOAT16}
)
_ALL_OR_NONE = frozenset({"Softmax", "LogSoftmax"})
"""A row of these is nan as a whole or not at all, so their maximum along that axis is right by itself."""


def propagate_nan(model: onnx_ir.Model) -> None:
    """Give each ReduceMax and ReduceMin of floats the answer nan where there is a nan.

    ``ReduceSum(Abs(x))`` is nan exactly then: no sum of absolute values is ``inf - inf``.
    """
    for node in list(model.graph):
        if node.op_type not in ("ReduceMax", "ReduceMin") or node.domain:
            continue
        source = node.inputs[0]
        if source is None or source.dtype not in _FLOATS or _is_whole(source, node):
            continue
        _guard(node, source)


def _is_whole(source: onnx_ir.Value, node: onnx_ir.Node) -> bool:
    producer = source.producer()
    if producer is None or producer.op_type not in _ALL_OR_NONE or source.shape is None:
        return False
    axes = onnx_ir.convenience.get_const_tensor(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else None
    rank = len(source.shape)
    own = producer.attributes.get_int("axis", -1) % rank
    reduced = {int(axis) % rank for axis in axes.numpy().reshape(-1)} if axes is not None else set(range(rank))
    others = [size for axis, size in enumerate(source.shape) if axis in reduced and axis != own]
    return own in reduced and all(size == 1 for size in others)


def _guard(node: onnx_ir.Node, source: onnx_ir.Value) -> None:
    graph, result = node.graph, node.outputs[0]
    assert isinstance(graph, onnx_ir.Graph)
    size = _made(node, "Abs", [source], source.shape)
    total = _made(node, "ReduceSum", [size, *node.inputs[1:]], result.shape)
    for name, attribute in node.attributes.items():
        total.producer().attributes[name] = attribute  # type: ignore[union-attr] -- just made
    bad = _made(node, "IsNaN", [total], result.shape, onnx_ir.DataType.BOOL)
    plain = onnx_ir.Value(name=f"{result.name}_plain", type=result.type, shape=result.shape)
    chosen = _made(node, "Where", [bad, total, result], result.shape)
    del plain
    for value in (size, total, bad, chosen):
        value.producer().meta.update(node.meta)  # type: ignore[union-attr] -- just made
    graph.insert_after(node, [value.producer() for value in (size, total, bad, chosen)])  # type: ignore[misc]
    onnx_ir.convenience.replace_all_uses_with(result, chosen, replace_graph_outputs=True)
    chosen.producer().replace_input_with(2, result)  # type: ignore[union-attr] -- just made

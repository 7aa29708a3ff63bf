"""A node more in an ONNX graph: with a name of its own, types, and the place of the node that it serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx_ir


def before(
    owner: onnx_ir.Node,
    op_type: str,
    inputs: Sequence[onnx_ir.Value | None],
    dtype: onnx_ir.DataType,
    shape: onnx_ir.Shape | None,
    attributes: Mapping[str, Any] | None = None,
) -> onnx_ir.Value:
    """The result of a new node that is put before ``owner``."""
    value = _made(owner, op_type, inputs, dtype, shape, attributes)
    _graph(owner).insert_before(owner, _producer(value))
    return value


def after(
    value: onnx_ir.Value,
    op_type: str,
    inputs: Sequence[onnx_ir.Value | None],
    dtype: onnx_ir.DataType,
    shape: onnx_ir.Shape | None,
    attributes: Mapping[str, Any] | None = None,
) -> onnx_ir.Value:
    """The result of a new node that is put after the one that makes ``value``."""
    owner = _producer(value)
    result = _made(owner, op_type, inputs, dtype, shape, attributes)
    _graph(owner).insert_after(owner, _producer(result))
    return result


def replace_uses(old: onnx_ir.Value, new: onnx_ir.Value) -> None:
    """Let everything use ``new`` instead of ``old``, but for the nodes that ``new`` is made from."""
    makers = _makers(new, old)
    for use in list(old.uses()):
        if use.node not in makers:
            use.node.replace_input_with(use.idx, new)
    graph = _graph(_producer(new))
    for index, output in enumerate(graph.outputs):
        if output is old:
            graph.outputs[index] = new


def _makers(new: onnx_ir.Value, old: onnx_ir.Value) -> set[onnx_ir.Node]:
    found: set[onnx_ir.Node] = set()
    pending = [new]
    while pending:
        producer = pending.pop().producer()
        if producer is None or producer is old.producer() or producer in found:
            continue
        found.add(producer)
        pending.extend(value for value in producer.inputs if value is not None)
    return found


def _made(
    owner: onnx_ir.Node,
    op_type: str,
    inputs: Sequence[onnx_ir.Value | None],
    dtype: onnx_ir.DataType,
    shape: onnx_ir.Shape | None,
    attributes: Mapping[str, Any] | None,
) -> onnx_ir.Value:
    name = f"{owner.name}_{op_type.lower()}_{len(_graph(owner))}"  # a graph only grows, so it is new
    node = onnx_ir.node(op_type, inputs, attributes, name=name)
    node.meta.update(owner.meta)
    (value,) = node.outputs
    value.name, value.dtype, value.shape = name, dtype, shape
    return value


def _graph(node: onnx_ir.Node) -> onnx_ir.Graph:
    assert isinstance(node.graph, onnx_ir.Graph)
    return node.graph


def _producer(value: onnx_ir.Value) -> onnx_ir.Node:
    producer = value.producer()
    assert producer is not None
    return producer

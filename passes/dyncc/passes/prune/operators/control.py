"""``If``, ``Loop`` and ``Scan``: what goes into a body and comes out of it is one value."""

from __future__ import annotations

import onnx_ir

from dyncc.passes.prune.description import Description
from dyncc.passes.prune.operators.base import Operator, attribute, required


def graph_of(node: onnx_ir.Node, name: str) -> onnx_ir.Graph:
    graph = node.attributes[name].value
    assert isinstance(graph, onnx_ir.Graph)
    return graph


def if_(about: Description, node: onnx_ir.Node) -> None:
    for name in ("then_branch", "else_branch"):
        for inner, outer in zip(graph_of(node, name).outputs, node.outputs, strict=True):
            _one(about, inner, outer)


def loop(about: Description, node: onnx_ir.Node) -> None:
    """Carried values: before, in the body, after one turn and at the end. Scanned outputs gain an axis."""
    body = graph_of(node, "body")
    carried = len(node.inputs) - 2
    for index in range(carried):
        inner, result = body.inputs[index + 2], body.outputs[index + 1]
        _one(about, inner, required(node, index + 2))
        _one(about, inner, result)
        _one(about, inner, node.outputs[index])
    for inner, outer in zip(body.outputs[1 + carried :], node.outputs[carried:], strict=True):
        _stacked(about, inner, outer, 0)
    for value in (*body.inputs[:2], *node.inputs[:2]):
        if value is not None:
            about.free(value, *range(about.rank(value)))


def scan(about: Description, node: onnx_ir.Node) -> None:
    body = graph_of(node, "body")
    scanned = attribute(node, "num_scan_inputs")
    states = len(node.inputs) - scanned
    ins = attribute(node, "scan_input_axes", [0] * scanned)
    outs = attribute(node, "scan_output_axes", [0] * (len(node.outputs) - states))
    for index in range(states):
        inner = body.inputs[index]
        for other in (required(node, index), body.outputs[index], node.outputs[index]):
            _one(about, inner, other)
    for number, axis in enumerate(ins):
        _stacked(about, body.inputs[states + number], required(node, states + number), axis)
    for number, axis in enumerate(outs):
        _stacked(about, body.outputs[states + number], node.outputs[states + number], axis)


def _one(about: Description, inner: onnx_ir.Value, outer: onnx_ir.Value) -> None:
    if about.rank(inner) == about.rank(outer):
        about.same(inner, outer)
        return
    _freeze(about, inner, outer)


def _stacked(about: Description, inner: onnx_ir.Value, outer: onnx_ir.Value, at: int) -> None:
    if about.rank(outer) != about.rank(inner) + 1:
        _freeze(about, inner, outer)
        return
    at %= about.rank(outer)
    for axis in range(about.rank(inner)):
        about.tie(inner, axis, outer, axis + (axis >= at))


def _freeze(about: Description, *values: onnx_ir.Value) -> None:
    for value in values:
        for axis in range(about.rank(value)):
            about.freeze(value, axis, "its shape outside and inside of a body is not known to be the same")


OPERATORS = {"If": Operator(if_), "Loop": Operator(loop), "Scan": Operator(scan)}

"""Split: one ONNX model for each recorded graph, out of the model of a batch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import onnx_ir
from torch import fx

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.graph import outputs, placeholders
from dyncc.compiler.lower.capture import place_of, weight_names
from dyncc.compiler.lower.template import Template
from dyncc.compiler.lower.types import input_type
from dyncc.runtime.program import Dim, Span, TensorType

DTYPES: dict[str, onnx_ir.DataType] = {
    "bool": onnx_ir.DataType.BOOL,
    "uint8": onnx_ir.DataType.UINT8,
    "int8": onnx_ir.DataType.INT8,
    "int16": onnx_ir.DataType.INT16,
    "int32": onnx_ir.DataType.INT32,
    "int64": onnx_ir.DataType.INT64,
    "float16": onnx_ir.DataType.FLOAT16,
    "bfloat16": onnx_ir.DataType.BFLOAT16,
    "float32": onnx_ir.DataType.FLOAT,
    "float64": onnx_ir.DataType.DOUBLE,
}
"""The dtypes that a program may have, by the name that :class:`TensorType` uses."""

SPAN_KEY = "dyncc.span"
"""Metadata of an ONNX node: ``path:line:column`` of the call that it comes from."""


def split(
    model: onnx_ir.Model,
    batch: Sequence[Template],
    graphs: Mapping[str, fx.Graph],
    tensors: Mapping[str, onnx_ir.TensorProtocol],
) -> dict[str, onnx_ir.Model]:
    """The models of all instances of all templates.

    ``model`` has the batch's weights as its first inputs, then those of each template; its outputs are
    those of each template. ``graphs`` and ``tensors`` hold the recorded graphs and the weights by name.
    A model's inputs and outputs correspond to its graph's placeholders and results by position, and its
    initializers are named as the weights; nodes carry :data:`SPAN_KEY`.
    """
    names = weight_names(batch)
    order = {node: index for index, node in enumerate(model.graph)}
    weight_values = dict(zip(model.graph.inputs[: len(names)], names, strict=True))
    heads, results = iter(model.graph.inputs[len(names) :]), iter(model.graph.outputs)
    models: dict[str, onnx_ir.Model] = {}
    for template in batch:
        inputs = [next(heads) for _ in placeholders(template.graph)]
        returned = [next(results) for _ in outputs(template.graph)]
        nodes = sorted(_producers(returned), key=order.__getitem__)
        constants = _constants(nodes, returned, inputs)
        for name, weights in template.instances.items():
            renamed = dict(zip(template.weights, weights, strict=True))
            view = onnx_ir.GraphView(inputs, returned, nodes=nodes, initializers=constants, name=name)
            graph = view.clone()
            graph.opset_imports.update(model.graph.opset_imports)
            for value, original in zip(list(graph.initializers.values()), constants, strict=True):
                if original in weight_values:
                    _set_weight(graph, value, renamed[weight_values[original]], tensors)
            _set_spans(graph, nodes, batch, graphs[name], template)
            _name(graph, graphs[name])
            models[name] = onnx_ir.Model(graph, ir_version=model.ir_version, producer_name="dyncc")
    return models


def _uses(node: onnx_ir.Node) -> Iterator[onnx_ir.Value]:
    """The values that a node reads, and those of the same graph that its subgraphs read."""
    yield from (value for value in node.inputs if value is not None)
    yield from (value for value in _inner_uses(node) if value.graph is node.graph)


def _inner_uses(node: onnx_ir.Node) -> Iterator[onnx_ir.Value]:
    """All values that are read in the subgraphs of a node, at whatever depth."""
    for attribute in node.attributes.values():
        for graph in _subgraphs(attribute):
            for child in graph:
                yield from (value for value in child.inputs if value is not None)
                yield from _inner_uses(child)
            yield from graph.outputs


def _subgraphs(attribute: onnx_ir.Attr) -> Iterable[onnx_ir.Graph]:
    if attribute.type is onnx_ir.AttributeType.GRAPH:
        return (attribute.as_graph(),)
    if attribute.type is onnx_ir.AttributeType.GRAPHS:
        return attribute.as_graphs()
    return ()


def _producers(values: Iterable[onnx_ir.Value]) -> set[onnx_ir.Node]:
    """The nodes of the graph that ``values`` need."""
    found: set[onnx_ir.Node] = set()
    pending = list(values)
    while pending:
        producer = pending.pop().producer()
        if producer is not None and producer not in found:
            found.add(producer)
            pending.extend(_uses(producer))
    return found


def _constants(
    nodes: Sequence[onnx_ir.Node], returned: Sequence[onnx_ir.Value], inputs: Sequence[onnx_ir.Value]
) -> list[onnx_ir.Value]:
    """What ``nodes`` read that is neither made by them nor an input, in order of first use."""
    used = dict.fromkeys(value for node in nodes for value in _uses(node))
    used.update(dict.fromkeys(returned))
    return [value for value in used if value.producer() is None and value not in inputs]


def _set_weight(
    graph: onnx_ir.Graph, value: onnx_ir.Value, name: str, tensors: Mapping[str, onnx_ir.TensorProtocol]
) -> None:
    tensor = tensors[name]
    del graph.initializers[value.name]
    value.name, value.const_value = name, tensor
    value.shape, value.type = onnx_ir.Shape(tensor.shape), onnx_ir.TensorType(tensor.dtype)
    graph.initializers[name] = value


def _set_spans(
    graph: onnx_ir.Graph,
    originals: Sequence[onnx_ir.Node],
    batch: Sequence[Template],
    recorded: fx.Graph,
    template: Template,
) -> None:
    """Replace the exporter's metadata (which holds stack traces) by source places."""
    calls = list(recorded.nodes)
    for node, original in zip(graph, originals, strict=True):
        node.metadata_props.clear()
        source = original.meta.get("node")
        place = place_of(source) if isinstance(source, fx.Node) else None
        span = None
        if place is not None and batch[place.template] is template:
            span = calls[place.node].meta.get("span")
        if isinstance(span, Span):
            node.metadata_props[SPAN_KEY] = f"{span.path}:{span.line}:{span.column}"


def _name(graph: onnx_ir.Graph, recorded: fx.Graph) -> None:
    """Give inputs and outputs the names and types of the recorded graph, and all values unique names."""
    taken = set(graph.initializers)
    symbols: dict[str, str] = {}
    for value, node in zip(graph.inputs, placeholders(recorded), strict=True):
        type_ = input_type(node)
        _learn(symbols, value.shape, type_.shape)
        value.name = _unique(node.name, taken)
        _set_type(value, type_)
    for value, node in zip(graph.outputs, outputs(recorded), strict=True):
        value.name = _unique(node.name, taken)
        if isinstance(type_ := node.meta.get("type"), TensorType):
            value.shape = onnx_ir.Shape(type_.shape)
    kept = {*graph.outputs}
    for number, node in enumerate(graph):
        node.name = f"{node.op_type}_{number}"
        for value in node.outputs:
            value.metadata_props.clear()
            if value not in kept:
                value.name = _unique(value.name or node.name, taken)
                _rename_symbols(value, symbols)


def _set_type(value: onnx_ir.Value, type_: TensorType) -> None:
    value.metadata_props.clear()
    if type_.dtype not in DTYPES:
        reason = f"tensors of type {type_.dtype} cannot go from one block to another"
        helps = ("pass the real and the imaginary part (`torch.view_as_real`)",)
        raise CompileError([Diagnostic("DY401", reason, None, helps=helps)])
    value.type = onnx_ir.TensorType(DTYPES[type_.dtype])
    value.shape = onnx_ir.Shape(type_.shape)


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate


def _learn(symbols: dict[str, str], exported: Iterable[Any] | None, dims: Iterable[Dim]) -> None:
    for size, dim in zip(exported or (), dims, strict=False):
        if isinstance(size, onnx_ir.SymbolicDim) and isinstance(dim, str) and size.value is not None:
            symbols.setdefault(str(size.value), dim if dim.isidentifier() else f"({dim})")


_NAME = re.compile(r"[^\W\d]\w*")


def _rename_symbols(value: onnx_ir.Value, symbols: Mapping[str, str]) -> None:
    """Write the sizes of an intermediate value in the block's symbols; what has none is unknown."""
    if value.shape is None:
        return
    dims: list[int | str | None] = []
    for size in value.shape:
        text = size if isinstance(size, int) else str(size.value) if size.value is not None else None
        if isinstance(text, str):
            known = all(name in symbols for name in _NAME.findall(text))
            text = _NAME.sub(lambda match: symbols[match[0]], text) if known else None
        dims.append(text)
    value.shape = onnx_ir.Shape(dims)

"""Compute at compile time what depends on weights and on a number that has few possible values.

A sampler's loop embeds the time of each step, ``mlp(embed(sigmas[i]))``: all that it can ever need is known
when it is compiled. What a graph computes from such an input and weights alone is computed for every value
that the program passes (:mod:`~dyncc.passes.finite_values`), and looked up instead::

    y = f(t, w)        →        y = gather(table, argmax(t == values))         table[k] = f(values[k], w)

This is partial evaluation over a finite domain. Every row is computed by the operators that are removed, so
no number changes. Where the values are 0, 1, 2, …, the input itself is the index.

Refuses tables larger than ``limit`` bytes, fewer than ``operators`` operators in the place of the look-up,
values among which are 0.0 and -0.0 or nan, and results whose shape is not the same for every value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import onnx_ir
from onnx.reference import ReferenceEvaluator

from dyncc.ir import Compute, Program
from dyncc.passes.base import Result
from dyncc.passes.finite_values import FiniteValues, Number, Values, distinct
from dyncc.passes.onnx_edit import constant, remove_unused, replace_value

RANDOM = (
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
)
HEAVY = frozenset({"MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum"})


@dataclass(frozen=True, slots=True)
class Tabulate:
    """Look up what depends on a number of few values."""

    name: ClassVar[str] = "tabulate"
    limit: int = 1 << 22
    operators: int = 8
    values: int = 128

    def run_onnx(self, program: Program[onnx_ir.Model]) -> Result[onnx_ir.Model]:
        notes: list[str] = []
        for name, index, values in _domains(program, self.values):
            graph = program.graphs[name].graph
            head = graph.inputs[index]
            before = len(graph)
            if self._tabulate(program.graphs[name], head, values):
                text = f"graph `{name}`: what depends on `{head.name}` is in a table of {len(values)} rows"
                notes.append(f"{text}, {before} → {len(graph)} operators")
        return Result(program, bool(notes), tuple(notes))

    def _tabulate(self, model: onnx_ir.Model, head: onnx_ir.Value, values: Sequence[Number]) -> bool:
        part = _Part(model, head)
        direct = list(values) == list(range(len(values))) and head.dtype == onnx_ir.DataType.INT64
        heavy = any(node.op_type in HEAVY for node in part.gone)
        if len(part.gone) < len(part.results) + (1 if direct else 1 if heavy else self.operators):
            return False
        rows = part.rows(values)
        if rows is None or sum(row.nbytes for row in rows) > self.limit:
            return False
        part.look_up(rows, None if direct else np.asarray(values, head.dtype.numpy()))  # type: ignore[union-attr]
        remove_unused(model)
        return True


def _domains(program: Program[onnx_ir.Model], limit: int) -> list[tuple[str, int, tuple[Number, ...]]]:
    """Inputs of graphs that are numbers of the host with few values: graph, position, values."""
    if not any(_is_number(head) for model in program.graphs.values() for head in model.graph.inputs):
        return []
    finite = FiniteValues(program, limit)
    found: dict[tuple[str, int], Values] = {}
    for block in program.blocks.values():
        for step in block.steps:
            if not isinstance(step, Compute):
                continue
            for index, operand in enumerate(step.inputs):
                if not _is_number(program.graphs[step.graph].graph.inputs[index]):
                    continue
                values = finite.of(block, operand)
                known = found.setdefault((step.graph, index), ())
                union = None if known is None or values is None else distinct((*known, *values))
                found[step.graph, index] = union
    return [
        (graph, index, ordered)
        for (graph, index), values in found.items()
        if values and (ordered := _ordered(values)) is not None and 1 < len(ordered) <= limit
    ]


def _is_number(head: onnx_ir.Value) -> bool:
    kinds = (onnx_ir.DataType.INT64, onnx_ir.DataType.DOUBLE)
    return head.dtype in kinds and head.shape is not None and len(head.shape) == 0


def _ordered(values: Sequence[Number]) -> tuple[Number, ...] | None:
    """The values in order; None where equality does not tell them apart."""
    if any(isinstance(value, float) and (math.isnan(value) or value == 0.0) for value in values):
        signs = {math.copysign(1.0, value) for value in values if value == 0}
        if len(signs) > 1 or any(math.isnan(value) for value in values):
            return None
    if any(abs(value) >= 2**63 for value in values if isinstance(value, int)):
        return None
    return tuple(sorted(values))


@dataclass
class _Part:
    """What a graph computes from ``head`` and constants alone."""

    model: onnx_ir.Model
    head: onnx_ir.Value
    nodes: list[onnx_ir.Node] = field(default_factory=list[onnx_ir.Node])
    results: list[onnx_ir.Value] = field(default_factory=list[onnx_ir.Value])
    """The values that the rest of the graph uses."""

    def __post_init__(self) -> None:
        known, fixed = {self.head}, set[onnx_ir.Value]()
        for node in self.model.graph:
            inputs = {value for value in node.inputs if value is not None}
            given = all(v in known or v in fixed or _is_constant(v) for v in inputs)
            if not given or node.op_type in RANDOM or _has_graphs(node):
                continue
            if inputs & known:
                self.nodes.append(node)
                known |= set(node.outputs)
            else:
                fixed |= set(node.outputs)
        inside = set(self.nodes)
        self.results = [
            value
            for node in self.nodes
            for value in node.outputs
            if (value.is_graph_output() or any(use.node not in inside for use in value.uses()))
            and len(self._behind(value)) > 1  # a cast of the number is no work
        ]

    @property
    def gone(self) -> set[onnx_ir.Node]:
        """The operators that nothing needs any more when the results are looked up."""
        gone = {node for value in self.results for node in self._behind(value)}
        while kept := {node for node in gone if not self._is_replaced(node, gone)}:
            gone -= kept
        return gone

    def _is_replaced(self, node: onnx_ir.Node, gone: set[onnx_ir.Node]) -> bool:
        return all(
            value in self.results
            or not (value.is_graph_output() or any(use.node not in gone for use in value.uses()))
            for value in node.outputs
        )

    def _behind(self, value: onnx_ir.Value) -> set[onnx_ir.Node]:
        """The nodes of this part that ``value`` needs."""
        found, pending = set[onnx_ir.Node](), [value]
        inside = set(self.nodes)
        while pending:
            node = pending.pop().producer()
            if node is not None and node in inside and node not in found:
                found.add(node)
                pending += [v for v in node.inputs if v is not None]
        return found

    def rows(self, values: Sequence[Number]) -> list[np.ndarray[Any, Any]] | None:
        """Of each result its values, stacked; None where they cannot be computed, or differ in shape."""
        assert self.head.dtype is not None
        evaluator = ReferenceEvaluator(self._model())
        dtype = self.head.dtype.numpy()
        try:
            found = [evaluator.run(None, {str(self.head.name): np.asarray(v, dtype)}) for v in values]
        except Exception:  # an operator of the engine alone, or one that fails for a value
            return None
        columns = list(zip(*found, strict=True))
        if any(len({(row.shape, row.dtype) for row in column}) > 1 for column in columns):
            return None
        return [np.stack(column) for column in columns]

    def _model(self) -> onnx.ModelProto:
        """A model of the results alone."""
        nodes, pending = set[onnx_ir.Node](), list(self.results)
        constants: dict[str, onnx_ir.Value] = {}
        while pending:
            value = pending.pop()
            node = value.producer()
            if node is not None and node not in nodes:
                nodes.add(node)
                pending += [v for v in node.inputs if v is not None]
            elif node is None and value.const_value is not None:
                constants[str(value.name)] = value
        graph = onnx.helper.make_graph(
            [onnx_ir.to_proto(node) for node in self.model.graph if node in nodes],
            "part",
            [onnx_ir.to_proto(self.head)],
            [onnx.helper.make_empty_tensor_value_info(str(value.name)) for value in self.results],
            [_tensor_proto(value) for value in constants.values()],
        )
        opsets = [onnx.helper.make_opsetid(*each) for each in self.model.opset_imports.items()]
        return onnx.helper.make_model(graph, opset_imports=opsets)

    def look_up(self, tables: Sequence[np.ndarray[Any, Any]], keys: np.ndarray[Any, Any] | None) -> None:
        """Take the results from tables; ``keys`` are the values of ``head``, None where it is the index."""
        graph = self.model.graph
        index, new = self.head, list[onnx_ir.Node]()
        if keys is not None:
            stem = f"{self.head.name}.values"
            equal = onnx_ir.node("Equal", [constant(graph, stem, keys), self.head])
            # (ArgMax of whole numbers is none of CUDA's)
            cast = onnx_ir.node("Cast", [equal.outputs[0]], {"to": int(onnx_ir.DataType.FLOAT)})
            place = onnx_ir.node("ArgMax", [cast.outputs[0]], {"axis": 0, "keepdims": 0})
            for node, dtype, shape in (
                (equal, onnx_ir.DataType.BOOL, keys.shape),
                (cast, onnx_ir.DataType.FLOAT, keys.shape),
                (place, onnx_ir.DataType.INT64, ()),
            ):
                _name(graph, node, f"{self.head.name}_{node.op_type.lower()}", dtype, shape)
                new.append(node)
            index = place.outputs[0]
        first = self.nodes[0]
        for result, table in zip(self.results, tables, strict=True):
            stored = constant(graph, f"{result.name}.table", table)
            row = onnx_ir.node("Gather", [stored, index], {"axis": 0})
            _name(graph, row, f"{result.name}_row", result.dtype, table.shape[1:])
            new.append(row)
            replace_value(graph, result, row.outputs[0])
        for node in new:
            node.metadata_props.update(first.metadata_props)
        graph.insert_before(first, new)


def _tensor_proto(value: onnx_ir.Value) -> onnx.TensorProto:
    assert value.const_value is not None
    return onnx.numpy_helper.from_array(value.const_value.numpy(), str(value.name))


def _is_constant(value: onnx_ir.Value) -> bool:
    return value.const_value is not None and not value.is_graph_input()


def _has_graphs(node: onnx_ir.Node) -> bool:
    kinds = (onnx_ir.AttributeType.GRAPH, onnx_ir.AttributeType.GRAPHS)
    return any(attribute.type in kinds for attribute in node.attributes.values())


def _name(
    graph: onnx_ir.Graph,
    node: onnx_ir.Node,
    name: str,
    dtype: onnx_ir.DataType | None,
    shape: Sequence[int],
) -> None:
    taken = {value.name for each in graph for value in each.outputs}
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    (made,) = node.outputs
    node.name = made.name = candidate
    if dtype is not None:
        made.type = onnx_ir.TensorType(dtype)
    made.shape = onnx_ir.Shape(tuple(shape))

"""Linear layers on tensors of more than two axes as matrix products.

``x @ w + b``, ``x`` of shape ``[..., k]``, ``w`` of ``[k, n]``, ``b`` of ``[n]``, is one Gemm on the rows::

    reshape(gemm(reshape(x, [m, k]), w, b), [..., n])          m = the product of the other sizes

The engine does the same when it loads a graph; done here, ``merge-reshapes`` can remove the Reshapes
between layers and around what works on elements.

Refuses a product without a bias (the engine runs it as it is), a weight or bias that is no constant (or the
transposition of one), and sizes that are free.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import onnx_ir

from dyncc.ir import Program
from dyncc.passes.base import Result
from dyncc.passes.onnx_edit import (
    constant,
    has_other_uses,
    infer_shapes,
    insert_after,
    remove_unused,
    replace_value,
    static_shape,
)

FLOATS = (onnx_ir.DataType.FLOAT, onnx_ir.DataType.DOUBLE)


@dataclass(frozen=True, slots=True)
class FlattenLinear:
    """One Gemm on rows in the place of a MatMul and an Add."""

    name: ClassVar[str] = "flatten-linear"

    def run_onnx(self, program: Program[onnx_ir.Model]) -> Result[onnx_ir.Model]:
        notes: list[str] = []
        for name, model in program.graphs.items():
            infer_shapes(model)
            count = sum(_flatten(model.graph, node) for node in list(model.graph) if node.op_type == "Add")
            if count:
                remove_unused(model)
                notes.append(f"graph `{name}`: {count} linear layers")
        return Result(program, bool(notes), tuple(notes))


def _flatten(graph: onnx_ir.Graph, add: onnx_ir.Node) -> bool:
    product, bias = _operands(add)
    if product is None or bias is None:
        return False
    rows, weight = product.inputs
    shape, result = static_shape(rows), static_shape(add.outputs[0])
    if rows is None or weight is None or shape is None or result is None or len(shape) < 3 or 0 in shape:
        return False
    stored, transposed = _stored(weight)
    if stored is None or result != (*shape[:-1], result[-1]) or static_shape(bias) != result[-1:]:
        return False
    count = prod(shape[:-1])
    (made,) = add.outputs
    size = constant(graph, f"{rows.name}_rows", (count, shape[-1]))
    flat = onnx_ir.node("Reshape", [rows, size])
    gemm = onnx_ir.node("Gemm", [flat.outputs[0], stored, bias], {"transB": int(transposed)})
    back = onnx_ir.node("Reshape", [gemm.outputs[0], constant(graph, f"{made.name}_shape", result)])
    insert_after(graph, add, flat, like=rows, shape=(count, shape[-1]))
    insert_after(graph, flat, gemm, like=made, shape=(count, result[-1]))
    insert_after(graph, gemm, back, like=made, shape=result)
    return replace_value(graph, made, back.outputs[0])


def _operands(add: onnx_ir.Node) -> tuple[onnx_ir.Node | None, onnx_ir.Value | None]:
    """The product that is used here alone, and the constant bias."""
    for one, other in (add.inputs, add.inputs[::-1]):
        if one is None or other is None or other.const_value is None or has_other_uses(one):
            continue
        producer = one.producer()
        if producer is not None and (producer.domain, producer.op_type) == ("", "MatMul"):
            return (producer, other) if one.dtype in FLOATS else (None, None)
    return None, None


def _stored(weight: onnx_ir.Value) -> tuple[onnx_ir.Value | None, bool]:
    """The constant matrix of a weight, and whether it is stored transposed."""
    producer = weight.producer()
    shape = static_shape(weight)
    if shape is None or len(shape) != 2:
        return None, False
    if producer is None:
        return (weight, False) if weight.const_value is not None else (None, False)
    source = producer.inputs[0] if producer.op_type == "Transpose" and not producer.domain else None
    if source is None or source.const_value is None or source.producer() is not None:
        return None, False
    return source, True

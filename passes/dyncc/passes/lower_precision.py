"""Compute in float16 or bfloat16 what gains by it and bears it, by the policy of PyTorch's autocast.

Products of matrices, convolutions and recurrent layers are computed in the lower precision, with weights
that are rounded once, here. What moves data, adds, or applies a saturating function follows its inputs. All
the rest stays in float32, as do inputs and outputs of graphs: sums over many elements, exponentials, norms,
and comparisons, on which the program decides. Casts stand where the two meet::

    softmax(matmul(x, w)) = softmax(float32(matmul(float16(x), float16(w))))

An operator with a weight that the lower precision cannot hold (beyond 65504 in float16) stays in float32.

Source: https://pytorch.org/docs/stable/amp.html, "CUDA Op-Specific Behavior". For bfloat16 the lists are
those of the kernels that ONNX Runtime has for CUDA.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import onnx_ir

from dyncc.ir import Program
from dyncc.passes.base import Result
from dyncc.passes.onnx_edit import infer_shapes, remove_unused, replace_value

FLOAT = onnx_ir.DataType.FLOAT
DTYPES = {"float16": onnx_ir.DataType.FLOAT16, "bfloat16": onnx_ir.DataType.BFLOAT16}

_PRODUCTS = frozenset({"MatMul", "Gemm"})
_VIEWS = frozenset({"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity"})
_SUMS = frozenset({"Add", "Sub", "Mul", "Relu"})
COMPUTED = {
    "bfloat16": _PRODUCTS,
    "float16": _PRODUCTS | {"Conv", "ConvTranspose", "Einsum", "LSTM", "GRU", "RNN"},
}
"""What is computed in the lower precision."""
FOLLOWING = {
    "bfloat16": _VIEWS | _SUMS,
    "float16": _VIEWS
    | _SUMS
    | {
        *("Slice", "Split", "Concat", "Gather", "Expand", "Tile", "Pad", "Where", "DepthToSpace"),
        *("LeakyRelu", "Clip", "Max", "Min", "Neg", "Abs", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish"),
        *("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"),
    },
}
"""What runs in the precision of its inputs, where all of them are in the lower one."""


@dataclass(frozen=True, slots=True)
class LowerPrecision:
    """Products and what follows them in another precision: ``to`` is float16 or bfloat16."""

    to: str = "float16"
    name: ClassVar[str] = "lower-precision"

    def __post_init__(self) -> None:
        if self.to not in DTYPES:
            raise ValueError(f"no precision `{self.to}`: one of {', '.join(DTYPES)}")

    def run_onnx(self, program: Program[onnx_ir.Model]) -> Result[onnx_ir.Model]:
        notes: list[str] = []
        for name, model in program.graphs.items():
            infer_shapes(model)
            total = len(model.graph)
            lowering = _Lowering(model.graph, self.to)
            lowering.run()
            remove_unused(model)
            if lowering.count:
                notes.append(f"graph `{name}`: {lowering.count} of {total} operators in {self.to}")
        return Result(program, bool(notes), tuple(notes))


@dataclass
class _Lowering:
    """One graph. ``lower`` holds what is computed in the lower precision in the place of a value."""

    graph: onnx_ir.Graph
    to: str
    lower: dict[onnx_ir.Value, onnx_ir.Value] = field(default_factory=dict[Any, Any])
    casts: dict[onnx_ir.Value, onnx_ir.Value] = field(default_factory=dict[Any, Any])
    count: int = 0

    @property
    def dtype(self) -> onnx_ir.DataType:
        return DTYPES[self.to]

    def run(self) -> None:
        for node in list(self.graph):
            if self._wanted(node):
                self._lower(node)
        for value, lowered in self.lower.items():
            if value.uses() or value.is_graph_output():
                node = lowered.producer()
                assert node is not None
                cast = self._cast(lowered, FLOAT, f"{value.name}.float32", node)
                self.graph.insert_after(node, cast)
                replace_value(self.graph, value, cast.outputs[0])

    def _wanted(self, node: onnx_ir.Node) -> bool:
        floats = [value for value in node.inputs if value is not None and value.dtype == FLOAT]
        if node.domain or not floats or not all(map(self._holds, floats)):
            return False
        if node.op_type in COMPUTED[self.to]:
            return True
        computed = [value for value in floats if value.const_value is None]
        follows = bool(computed) and all(value in self.lower for value in computed)
        return follows and node.op_type in FOLLOWING[self.to]

    def _holds(self, value: onnx_ir.Value) -> bool:
        """Whether the lower precision can hold a weight."""
        if value.const_value is None or self.to != "float16":
            return True
        array = value.const_value.numpy()
        finite = array[np.isfinite(array)]
        return not finite.size or float(np.abs(finite).max()) <= float(np.finfo(np.float16).max)

    def _lower(self, node: onnx_ir.Node) -> None:
        inputs = [self._input(value, node) for value in node.inputs]
        new = onnx_ir.Node(
            "",
            node.op_type,
            inputs,
            list(node.attributes.values()),
            num_outputs=len(node.outputs),
            name=f"{node.outputs[0].name}.{self.to}",
        )
        new.metadata_props.update(node.metadata_props)
        self.graph.insert_before(node, new)
        self.count += 1
        for old, made in zip(node.outputs, new.outputs, strict=True):
            made.name, made.shape = f"{old.name}.{self.to}", old.shape
            made.type = onnx_ir.TensorType(self.dtype) if old.dtype == FLOAT else old.type
            if old.dtype == FLOAT:
                self.lower[old] = made
            else:
                replace_value(self.graph, old, made)

    def _input(self, value: onnx_ir.Value | None, node: onnx_ir.Node) -> onnx_ir.Value | None:
        if value is None or value.dtype != FLOAT:
            return value
        if value in self.lower:
            return self.lower[value]
        if value not in self.casts:
            self.casts[value] = (
                self._rounded(value) if value.const_value is not None else self._before(value, node)
            )
        return self.casts[value]

    def _rounded(self, value: onnx_ir.Value) -> onnx_ir.Value:
        """A weight in the lower precision."""
        assert value.const_value is not None
        name = f"{value.name}.{self.to}"
        array = value.const_value.numpy().astype(self.dtype.numpy())
        tensor = onnx_ir.tensor(array, dtype=self.dtype, name=name)
        made = onnx_ir.Value(
            name=name,
            type=onnx_ir.TensorType(self.dtype),
            shape=onnx_ir.Shape(list(array.shape)),
            const_value=tensor,
        )
        self.graph.register_initializer(made)
        return made

    def _before(self, value: onnx_ir.Value, node: onnx_ir.Node) -> onnx_ir.Value:
        cast = self._cast(value, self.dtype, f"{value.name}.{self.to}", node)
        self.graph.insert_before(node, cast)
        return cast.outputs[0]

    def _cast(
        self, value: onnx_ir.Value, dtype: onnx_ir.DataType, name: str, beside: onnx_ir.Node
    ) -> onnx_ir.Node:
        cast = onnx_ir.node("Cast", [value], {"to": dtype.value})
        (made,) = cast.outputs
        cast.name = made.name = name
        made.type, made.shape = onnx_ir.TensorType(dtype), value.shape
        cast.metadata_props.update(beside.metadata_props)
        return cast

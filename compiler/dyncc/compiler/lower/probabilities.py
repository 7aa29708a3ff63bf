"""Sigmoids and softmaxes whose logarithm is taken, or that are divided by.

ONNX Runtime's sigmoid is 0 from about -18 down, and its softmax from about -87 (MLAS clips the exponents);
PyTorch's are small numbers there. It makes a difference where a program takes the entropy of them.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir

from dyncc.compiler.lower.rewrite import before, replace_uses

_PASSED = frozenset(
    "Abs Add Cast Clip Concat CumSum Expand Gather GatherElements GatherND Identity Max Min Mul Neg Pow "
    "ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum Reshape Slice Split Sqrt Squeeze Sub Transpose "
    "Unsqueeze Where".split()
)
"""Operators that leave a small number one."""


def precise_probabilities(graph: onnx_ir.Graph) -> None:
    """Write these, and these alone, by their formula: the engine's own are several times as fast."""
    for node in list(graph):
        formula = _FORMULAS.get(node.op_type)
        if formula is not None and not node.domain and _is_magnified(node.outputs[0]):
            replace_uses(node.outputs[0], formula(node))


def _is_magnified(value: onnx_ir.Value) -> bool:
    """Whether how small a value is makes a difference to what is computed from it."""
    pending, seen = [value], {value}
    while pending:
        for use in pending.pop().uses():
            operator = use.node.op_type
            if operator in ("Log", "Reciprocal") or (operator == "Div" and use.idx == 1):
                return True
            if operator in _PASSED or operator == "Div":
                pending += [output for output in use.node.outputs if output not in seen]
                seen.update(use.node.outputs)
    return False


def _sigmoid(node: onnx_ir.Node) -> onnx_ir.Value:
    """1 / (1 + exp(-x))"""
    (source,), (result,) = node.inputs, node.outputs
    dtype = result.dtype or onnx_ir.DataType.FLOAT
    one = before(
        node, "Constant", [], dtype, onnx_ir.Shape([]), {"value": onnx_ir.tensor(1.0, dtype=dtype)}
    )
    power = before(node, "Exp", [before(node, "Neg", [source], dtype, result.shape)], dtype, result.shape)
    return before(
        node, "Reciprocal", [before(node, "Add", [power, one], dtype, result.shape)], dtype, result.shape
    )


def _softmax(node: onnx_ir.Node) -> onnx_ir.Value:
    """exp(x - max x) / sum exp(x - max x), along one axis (operator set 13 and later)"""
    (source,), (result,) = node.inputs, node.outputs
    dtype = result.dtype or onnx_ir.DataType.FLOAT
    axis = node.attributes.get_int("axis", -1)
    axes = before(
        node,
        "Constant",
        [],
        onnx_ir.DataType.INT64,
        onnx_ir.Shape([1]),
        {"value": onnx_ir.tensor([axis], dtype=onnx_ir.DataType.INT64)},
    )
    most = before(node, "ReduceMax", [source, axes], dtype, None, {"keepdims": 1})
    power = before(
        node, "Exp", [before(node, "Sub", [source, most], dtype, result.shape)], dtype, result.shape
    )
    total = before(node, "ReduceSum", [power, axes], dtype, None, {"keepdims": 1})
    return before(node, "Div", [power, total], dtype, result.shape)


_FORMULAS: dict[str, Callable[[onnx_ir.Node], onnx_ir.Value]] = {"Sigmoid": _sigmoid, "Softmax": _softmax}

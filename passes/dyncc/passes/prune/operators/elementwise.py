"""Operators that work element by element, with broadcasting."""

from __future__ import annotations

import onnx_ir

from dyncc.passes.prune.description import Description
from dyncc.passes.prune.operators.base import Operator, attribute, result_of, value_of

UNARY = """
    Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu
    HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu
    Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu
""".split()
NARY = """
    Add And BitShift BitwiseAnd BitwiseOr BitwiseXor CastLike Clip Div Equal Greater GreaterOrEqual Less
    LessOrEqual Max Mean Min Mod Mul Or PRelu Pow Sub Sum Where Xor
""".split()


def unary(about: Description, node: onnx_ir.Node) -> None:
    (value,) = (value for value in node.inputs if value is not None)
    about.same(value, node.outputs[0])


def nary(about: Description, node: onnx_ir.Node) -> None:
    for value in node.inputs:
        if value is not None:
            about.broadcast(value, node.outputs[0])
    # a size that no input is known to have cannot be followed
    for axis in range(-about.rank(node.outputs[0]), 0):
        sizes = [about.size(v, axis) for v in node.inputs if v is not None and about.rank(v) >= -axis]
        if any(not isinstance(size, int) for size in sizes):
            about.freeze(node.outputs[0], axis, "an axis that goes with one of unknown size")


def dropout(about: Description, node: onnx_ir.Node) -> None:
    value = value_of(node, 0)
    assert value is not None
    for result in (result_of(node, 0), result_of(node, 1)):
        if result is not None:
            about.same(value, result)


def quantize(about: Description, node: onnx_ir.Node) -> None:
    value, scale, zero = value_of(node, 0), value_of(node, 1), value_of(node, 2)
    assert value is not None
    about.same(value, node.outputs[0])
    if attribute(node, "block_size", 0):
        return
    axis = attribute(node, "axis", 1)
    for parameter in (scale, zero):
        if parameter is not None and about.rank(parameter) == 1 and about.size(parameter, 0) != 1:
            about.tie(parameter, 0, value, axis)


OPERATORS = (
    {name: Operator(unary) for name in UNARY}
    | {name: Operator(nary) for name in NARY}
    | {
        "Dropout": Operator(dropout),
        "QuantizeLinear": Operator(quantize),
        "DequantizeLinear": Operator(quantize),
    }
)

"""Reductions: sums over channels are exact, means are made up for, maxima keep the axis whole."""

from __future__ import annotations

import numpy as np
import onnx_ir

from dyncc.passes.prune.description import Description
from dyncc.passes.prune.edit import Rewrite
from dyncc.passes.prune.operators.base import Operator, attribute, integers_of, required

SUMS = ("ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare")
OTHERS = ("ReduceMax", "ReduceMin", "ReduceProd", "ReduceLogSum", "ReduceLogSumExp")


def reduced_axes(node: onnx_ir.Node, rank: int) -> list[int] | None:
    """The axes that a reduction takes away; None where they are computed."""
    axes = integers_of(node, "axes", 1)
    if axes is None:
        return None
    if not axes:
        return [] if attribute(node, "noop_with_empty_axes", 0) else list(range(rank))
    return [axis % rank for axis in axes]


def reduction(about: Description, node: onnx_ir.Node) -> None:
    value, result = required(node, 0), node.outputs[0]
    rank = about.rank(value)
    axes = reduced_axes(node, rank)
    if axes is None:
        return
    keep = bool(attribute(node, "keepdims", 1))
    left = [axis for axis in range(rank) if axis not in axes]
    for new, axis in enumerate(left):
        about.tie(value, axis, result, axis if keep else new)
    if keep:
        about.free(result, *axes)
    for axis in axes:
        if about.size(value, axis) == 1:
            about.free(value, axis)
        elif node.op_type in SUMS:
            about.free(value, axis)
            about.contract(node, 0, axis)
        elif node.op_type == "ReduceMean":
            _mean(about, node, axis)


def _mean(about: Description, node: onnx_ir.Node, axis: int) -> None:
    value = required(node, 0)
    if is_statistic(node):
        about.free(value, axis)
        about.contract(node, 0, axis, "norm")
    elif about.rewrites_graph:
        about.free(value, axis)
        about.contract(node, 0, axis, "mean")
    else:
        about.freeze(value, axis, "a mean over channels, which the code would have to make up for")


def is_statistic(node: onnx_ir.Node) -> bool:
    """Whether a mean is that of a normalization: of ``x`` to subtract from ``x``, or of a square."""
    value = required(node, 0)
    for use in node.outputs[0].uses():
        if use.node.op_type == "Sub" and use.idx == 1 and use.node.inputs[0] is value:
            return True
    maker = value.producer()
    if maker is None:
        return False
    if maker.op_type == "Mul":
        return maker.inputs[0] is maker.inputs[1]
    if maker.op_type == "Pow":
        exponent = maker.inputs[1]
        number = None if exponent is None or exponent.const_value is None else exponent.const_value.numpy()
        return number is not None and number.size == 1 and float(number.ravel()[0]) == 2.0
    return False


def change(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    """A mean over all channels divides by all of them, also by those that are gone."""
    value = required(old, 0)
    axes = reduced_axes(old, rewrite.rank(value))
    if axes is None or is_statistic(old):
        return
    # an axis of unknown size is never pruned
    kept = [rewrite.kept(value, axis) for axis in axes]
    share = float(np.prod([mine.mean() for mine in kept if mine.size]))
    if share != 1.0:
        dtype = old.outputs[0].dtype or value.dtype
        assert dtype is not None
        rewrite.scale_output(new, np.array(share, dtype.numpy()))


def extreme(about: Description, node: onnx_ir.Node) -> None:
    """``ArgMax`` and ``ArgMin``."""
    value, result = required(node, 0), node.outputs[0]
    along = attribute(node, "axis", 0) % about.rank(value)
    keep = bool(attribute(node, "keepdims", 1))
    for axis in range(about.rank(value)):
        if axis != along:
            about.tie(value, axis, result, axis - (axis > along and not keep))
    about.freeze(value, along, f"`{node.op_type}` tells its places")


OPERATORS = (
    {name: Operator(reduction) for name in (*SUMS, *OTHERS)}
    | {"ReduceMean": Operator(reduction, change)}
    | {name: Operator(extreme) for name in ("ArgMax", "ArgMin")}
)

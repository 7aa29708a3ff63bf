"""Normalizations. Over pruned channels they are lossy: statistics are then those of the channels left."""

from __future__ import annotations

import onnx_ir

from dyncc.passes.prune.description import Description, Norm
from dyncc.passes.prune.edit import Rewrite
from dyncc.passes.prune.operators.base import Operator, attribute, required, result_of, value_of


def batch(about: Description, node: onnx_ir.Node) -> None:
    """Exact: every channel has statistics of its own."""
    value, result = required(node, 0), node.outputs[0]
    about.same(value, result)
    for parameter in (*node.inputs[1:5], *node.outputs[1:]):
        if parameter is not None:
            about.tie(parameter, 0, value, 1)


def instance(about: Description, node: onnx_ir.Node) -> None:
    value, result = required(node, 0), node.outputs[0]
    about.same(value, result)
    for parameter in node.inputs[1:3]:
        if parameter is not None:
            about.tie(parameter, 0, value, 1)
    about.norms.append(Norm(node, tuple(range(2, about.rank(value)))))


def layer(about: Description, node: onnx_ir.Node) -> None:
    """``LayerNormalization`` and ``RMSNormalization`` (with their older names)."""
    value, result = required(node, 0), node.outputs[0]
    about.same(value, result)
    axis = attribute(node, "axis", -1) % about.rank(value)
    for index in (1, 2):
        parameter = value_of(node, index)
        if parameter is not None:
            about.broadcast(parameter, value)
    if any(result_of(node, index) is not None for index in range(1, 3)):
        for normalized in range(axis, about.rank(value)):
            about.freeze(value, normalized, "the statistics of a normalization are used")
    about.norms.append(Norm(node, tuple(range(axis, about.rank(value)))))


def group(about: Description, node: onnx_ir.Node) -> None:
    """Whole groups (exact), or the same channels of every group (lossy)."""
    value, result = required(node, 0), node.outputs[0]
    about.same(value, result, (0, *range(2, about.rank(value))))
    groups, channels = attribute(node, "num_groups"), about.size(value, 1)
    if not isinstance(channels, int):
        return
    axes: list[tuple[onnx_ir.Value, int, tuple[int, ...]]] = [(value, 1, (0, 1)), (result, 1, (0, 1))]
    for parameter in node.inputs[1:3]:
        if parameter is not None:
            # up to operator set 20 there was one scale a group
            factors = (0, 1) if about.size(parameter, 0) == channels else (0,)
            axes.append((parameter, 0, factors))
    about.choose(node, (groups, channels // groups), axes)
    about.norms.append(Norm(node, tuple(range(1, about.rank(value))), groups))


def change_group(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    groups = attribute(old, "num_groups")
    kept = rewrite.kept(required(old, 0), 1).reshape(groups, -1)
    new.attributes["num_groups"] = onnx_ir.AttrInt64("num_groups", int(kept.any(axis=1).sum()))


def length(about: Description, node: onnx_ir.Node) -> None:
    """``LpNormalization``: exact, since a channel that is zero adds nothing to the length."""
    value = required(node, 0)
    about.same(value, node.outputs[0])
    about.contract(node, 0, attribute(node, "axis", -1))


def local(about: Description, node: onnx_ir.Node) -> None:
    """``LRN`` sums over neighbouring channels."""
    value = required(node, 0)
    about.same(value, node.outputs[0])
    about.freeze(value, 1, "a sum over neighbouring channels")


OPERATORS = {
    "BatchNormalization": Operator(batch),
    "InstanceNormalization": Operator(instance),
    "LayerNormalization": Operator(layer),
    "RMSNormalization": Operator(layer),
    "SimplifiedLayerNormalization": Operator(layer),
    "GroupNormalization": Operator(group, change_group),
    "LpNormalization": Operator(length),
    "LRN": Operator(local),
}

"""Pooling, resizing and sampling: channels go through, what happens in space stays whole."""

from __future__ import annotations

import onnx_ir

from dyncc.passes.prune.description import Description
from dyncc.passes.prune.edit import Rewrite
from dyncc.passes.prune.operators.base import Operator, attribute, constant, required, result_of

POOLING = "AveragePool GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample LpPool MaxPool".split()


def pool(about: Description, node: onnx_ir.Node) -> None:
    if result_of(node, 1) is not None:
        about.freeze_all(node, "indices of the maxima count through all channels")
        return
    about.same(required(node, 0), node.outputs[0], (0, 1))


def regions(about: Description, node: onnx_ir.Node) -> None:
    """``RoiAlign``: the channels of the picture are those of its regions."""
    about.tie(required(node, 0), 1, node.outputs[0], 1)


def resize(about: Description, node: onnx_ir.Node) -> None:
    value, result = required(node, 0), node.outputs[0]
    mode = attribute(node, "coordinate_transformation_mode", "")
    if mode == "tf_crop_and_resize":
        return
    axes = attribute(node, "axes", list(range(about.rank(value))))
    sizes = next((v for v in node.inputs[1:] if v is not None and v.name and _whole(v)), None)
    for axis in range(about.rank(value)):
        unscaled = isinstance(about.size(value, axis), int) and about.size(value, axis) == about.size(
            result, axis
        )
        if unscaled and (axis not in axes or sizes is None or constant(sizes) is not None):
            about.tie(value, axis, result, axis)


def _whole(value: onnx_ir.Value) -> bool:
    return value.dtype == onnx_ir.DataType.INT64


def change_resize(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    """The new sizes, where sizes are given rather than scales."""
    result = old.outputs[0]
    sizes = old.inputs[3] if len(old.inputs) > 3 else None
    if sizes is None or constant(sizes) is None:
        return
    axes = attribute(old, "axes", list(range(rewrite.rank(result))))
    given = constant(sizes)
    assert given is not None
    counts = [rewrite.count(result, axis) for axis in axes]
    whole = [new_ if isinstance(new_, int) else int(was) for new_, was in zip(counts, given, strict=True)]
    rewrite.set_input(new, 3, whole)


def depth_to_space(about: Description, node: onnx_ir.Node) -> None:
    value, result = required(node, 0), node.outputs[0]
    block = attribute(node, "blocksize") ** 2
    channels = about.size(result, 1)
    about.tie(value, 0, result, 0)
    if isinstance(channels, int):
        factors = (1, 0) if attribute(node, "mode", "DCR") == "CRD" else (0, 1)
        about.choose(node, (block, channels), [(value, 1, factors), (result, 1, (1,))], pinned=(0,))


def space_to_depth(about: Description, node: onnx_ir.Node) -> None:
    value, result = required(node, 0), node.outputs[0]
    block = attribute(node, "blocksize") ** 2
    channels = about.size(value, 1)
    about.tie(value, 0, result, 0)
    if isinstance(channels, int):
        about.choose(node, (block, channels), [(value, 1, (1,)), (result, 1, (0, 1))], pinned=(0,))


OPERATORS = {name: Operator(pool) for name in POOLING} | {
    "RoiAlign": Operator(regions),
    "Resize": Operator(resize, change_resize),
    "Upsample": Operator(resize),
    "DepthToSpace": Operator(depth_to_space),
    "SpaceToDepth": Operator(space_to_depth),
}

"""Operators that put axes together and take them apart, index by index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir

from dyncc.passes.prune.atoms import Indices
from dyncc.passes.prune.description import Description
from dyncc.passes.prune.edit import Rewrite
from dyncc.passes.prune.operators.base import (
    Operator,
    attribute,
    constant,
    integers,
    integers_of,
    required,
    result_of,
    value_of,
)


def concat(about: Description, node: onnx_ir.Node) -> None:
    result = node.outputs[0]
    along = attribute(node, "axis") % about.rank(result)
    parts = [value for value in node.inputs if value is not None]
    for value in parts:
        about.same(value, result, [axis for axis in range(about.rank(result)) if axis != along])
    _joined(about, result, parts, along)


def split(about: Description, node: onnx_ir.Node) -> None:
    value = required(node, 0)
    along = attribute(node, "axis", 0) % about.rank(value)
    for part in node.outputs:
        about.same(value, part, [axis for axis in range(about.rank(value)) if axis != along])
    _joined(about, value, node.outputs, along)


def _joined(about: Description, whole: onnx_ir.Value, parts: Sequence[onnx_ir.Value], along: int) -> None:
    atoms = [about.axis(part, along) for part in parts]
    all_of_it = about.axis(whole, along)
    known = all(isinstance(about.size(part, along), int) for part in parts)
    if known and sum(part.size for part in atoms) == all_of_it.size:
        about.ties.tie(np.concatenate(atoms) if atoms else all_of_it, all_of_it)
        return
    for part in (all_of_it, *atoms):
        about.ties.freeze(part, f"it is joined with axes of unknown size in `{whole.name}`")


def change_split(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    """Write the sizes of the parts, which may now differ."""
    value = required(old, 0)
    along = attribute(old, "axis", 0) % rewrite.rank(value)
    if not rewrite.kept(value, along).all():
        sizes = [rewrite.count(part, along) for part in old.outputs]
        new.attributes.pop("num_outputs", None)
        if "split" in new.attributes or rewrite.opset < 13:
            new.attributes["split"] = onnx_ir.AttrInt64s("split", [int(size or 0) for size in sizes])
        else:
            new.resize_inputs(2)
            rewrite.set_input(new, 1, sizes)


def slices(node: onnx_ir.Node, rank: int) -> dict[int, tuple[int, int, int] | None] | None:
    """The axes that a ``Slice`` cuts: start, end and step, None where they are computed.

    None where it is not known which axes are cut.
    """
    axes = integers_of(node, "axes", 3)
    starts, ends = integers_of(node, "starts", 1), integers_of(node, "ends", 2)
    steps = integers_of(node, "steps", 4)
    if axes is None:
        return None
    if not axes:
        if starts is None and ends is None:
            return None
        axes = list(range(len(starts if starts is not None else ends or ())))
    if starts is None or ends is None or steps is None:
        return {axis % rank: None for axis in axes}
    steps = steps or [1] * len(axes)
    return {
        axis % rank: (start, end, step)
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True)
    }


def picked(size: int, cut: tuple[int, int, int]) -> Indices:
    """The indices that a cut takes from an axis of ``size``."""
    start, end, step = cut
    if step < 0 and end < -size:
        return np.arange(size)[start if start < size else None :: step]
    return np.arange(size)[start:end:step]


def slice_(about: Description, node: onnx_ir.Node) -> None:
    value, result = required(node, 0), node.outputs[0]
    cuts = slices(node, about.rank(value))
    if cuts is None:
        return
    for axis in range(about.rank(value)):
        if axis not in cuts:
            about.tie(value, axis, result, axis)
            continue
        cut, size = cuts[axis], about.size(value, axis)
        if cut is not None and isinstance(size, int):
            taken = about.axis(value, axis)[picked(size, cut)]
            if taken.size == about.axis(result, axis).size:
                about.ties.tie(taken, about.axis(result, axis))
                continue
        for which in (value, result):
            about.freeze(which, axis, "it is cut at a place that is not known")


def change_slice(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    """Cut pruned axes by ``Gather``, whatever the step; the others as before."""
    value = required(old, 0)
    cuts = slices(old, rewrite.rank(value))
    if cuts is None:
        return
    changed = [axis for axis in cuts if not rewrite.kept(value, axis).all()]
    for axis in changed:
        cut = cuts[axis]
        kept = rewrite.kept(value, axis)
        assert cut is not None, "an axis cut at an unknown place is frozen"
        taken = picked(kept.size, cut)
        places = np.cumsum(kept)[taken[kept[taken]]] - 1
        rewrite.gather_before(new, 0, axis, places)
    rest = {axis: cut for axis, cut in cuts.items() if axis not in changed}
    if not changed:
        return
    if not rest:
        rewrite.replace(new, "Identity", [new.inputs[0]])
        return
    numbers = [index for index, axis in enumerate(cuts) if axis not in changed]
    _keep_cuts(rewrite, old, new, numbers, list(rest))


def _keep_cuts(
    rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node, numbers: list[int], axes: list[int]
) -> None:
    if "starts" in old.attributes:
        for name in ("starts", "ends"):
            whole = attribute(old, name)
            new.attributes[name] = onnx_ir.AttrInt64s(name, [whole[index] for index in numbers])
        new.attributes["axes"] = onnx_ir.AttrInt64s("axes", axes)
        return
    new.resize_inputs(max(4, len(old.inputs)))
    for index in (1, 2, 4):
        whole = integers(value_of(old, index))
        if whole is not None:
            rewrite.set_input(new, index, [whole[number] for number in numbers])
        elif value_of(old, index) is not None:
            rewrite.gather_before(new, index, 0, np.array(numbers, np.int64))
    rewrite.set_input(new, 3, axes)


def gather(about: Description, node: onnx_ir.Node) -> None:
    """With constant indices, index by index; with computed ones (an embedding) the axis stays whole."""
    data, indices, result = required(node, 0), required(node, 1), node.outputs[0]
    along = attribute(node, "axis", 0) % about.rank(data)
    many = about.rank(indices)
    for axis in range(about.rank(data)):
        if axis != along:
            about.tie(data, axis, result, axis if axis < along else axis - 1 + many)
    taken, size = constant(indices), about.size(data, along)
    if taken is None or not isinstance(size, int):
        if about.rank(data) > 1:
            about.produce(data, -1)
        for axis in range(many):
            about.tie(indices, axis, result, along + axis)
        return
    atoms = about.axis(data, along)[taken.astype(np.int64) % size]
    about.free(indices, *range(many))
    about.free(result, *(along + axis for axis, size in enumerate(taken.shape) if size == 1))
    long = [axis for axis, size in enumerate(taken.shape) if size > 1]
    if len(long) == 1:
        about.ties.tie(atoms.ravel(), about.axis(result, along + long[0]))
    else:
        about.ties.freeze(atoms, "it is picked by its number")


def change_gather(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    data, indices, result = required(old, 0), required(old, 1), old.outputs[0]
    along = attribute(old, "axis", 0) % rewrite.rank(data)
    kept, taken = rewrite.kept(data, along), constant(indices)
    if taken is None or kept.all():
        return
    taken = taken.astype(np.int64) % kept.size
    for axis, count in enumerate(taken.shape):
        if count > 1:
            taken = np.compress(rewrite.kept(result, along + axis), taken, axis)
    rewrite.set_input(new, 1, np.cumsum(kept)[taken] - 1)


def gather_elements(about: Description, node: onnx_ir.Node) -> None:
    data, indices, result = required(node, 0), required(node, 1), node.outputs[0]
    along = attribute(node, "axis", 0) % about.rank(data)
    for axis in range(about.rank(data)):
        about.tie(indices, axis, result, axis)
        if axis != along:
            about.tie(data, axis, result, axis)


def scatter_elements(about: Description, node: onnx_ir.Node) -> None:
    data, indices, updates, result = (*(required(node, i) for i in range(3)), node.outputs[0])
    along = attribute(node, "axis", 0) % about.rank(data)
    for axis in range(about.rank(data)):
        if axis != along:
            about.tie(data, axis, result, axis)
            about.tie(indices, axis, updates, axis)
            about.tie(indices, axis, data, axis)


def gather_nd(about: Description, node: onnx_ir.Node) -> None:
    """The axes that are not looked up go along."""
    data, indices, result = required(node, 0), required(node, 1), node.outputs[0]
    batch, depth = attribute(node, "batch_dims", 0), about.size(indices, -1)
    if not isinstance(depth, int):
        return
    for back in range(1, about.rank(data) - batch - depth + 1):
        about.tie(data, -back, result, -back)


def scatter_nd(about: Description, node: onnx_ir.Node) -> None:
    data, indices, updates, result = (*(required(node, i) for i in range(3)), node.outputs[0])
    depth = about.size(indices, -1)
    if not isinstance(depth, int):
        return
    for back in range(1, about.rank(data) - depth + 1):
        about.tie(data, -back, result, -back)
        about.tie(data, -back, updates, -back)


def pad(about: Description, node: onnx_ir.Node) -> None:
    """What is added to an axis stays. Padding that repeats what is there keeps the axis whole."""
    value, result = required(node, 0), node.outputs[0]
    pads, axes = integers_of(node, "pads", 1), integers_of(node, "axes", 3)
    if pads is None or axes is None:
        return
    axes = [axis % about.rank(value) for axis in axes] or list(range(about.rank(value)))
    before = dict(zip(axes, pads, strict=False))
    after = dict(zip(axes, pads[len(axes) :], strict=True))
    for axis in range(about.rank(value)):
        start, end, size = before.get(axis, 0), after.get(axis, 0), about.size(value, axis)
        if start == end == 0:
            about.tie(value, axis, result, axis)
        elif (
            attribute(node, "mode", "constant") == "constant"
            and isinstance(size, int)
            and start >= 0 <= end
        ):
            atoms = about.axis(result, axis)
            about.ties.tie(about.axis(value, axis), atoms[start : start + size])
            for added in (atoms[:start], atoms[start + size :]):
                about.ties.freeze(added, "it is padding")


def ordered(about: Description, node: onnx_ir.Node) -> None:
    """Softmax and its like, sums along an axis, the largest along it: one axis stays whole."""
    value = required(node, 0)
    for index in range(len(node.outputs)):
        result = result_of(node, index)
        if result is not None:
            about.same(value, result, [a for a in range(about.rank(value)) if a not in _whole(about, node)])


def _whole(about: Description, node: onnx_ir.Node) -> range:
    rank = about.rank(required(node, 0))
    if node.op_type == "Trilu":
        return range(rank - 2, rank)
    if node.op_type == "CumSum":
        axis = integers(value_of(node, 1))
        return range(rank) if axis is None else range(axis[0] % rank, axis[0] % rank + 1)
    axis = attribute(node, "axis", -1)
    if node.op_type in ("Softmax", "LogSoftmax", "Hardmax") and about.opset < 13:
        return range(attribute(node, "axis", 1) % rank, rank)
    return range(axis % rank, axis % rank + 1)


OPERATORS = {
    "Concat": Operator(concat),
    "Split": Operator(split, change_split),
    "Slice": Operator(slice_, change_slice),
    "Gather": Operator(gather, change_gather),
    "GatherElements": Operator(gather_elements),
    "ScatterElements": Operator(scatter_elements),
    "GatherND": Operator(gather_nd),
    "ScatterND": Operator(scatter_nd),
    "Pad": Operator(pad),
} | {name: Operator(ordered) for name in ("Softmax", "LogSoftmax", "Hardmax", "TopK", "CumSum", "Trilu")}

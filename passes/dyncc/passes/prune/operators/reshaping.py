"""Operators that give elements another shape. Axes that are split or merged are products of factors."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import onnx_ir

from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.description import Description
from dyncc.passes.prune.edit import Rewrite
from dyncc.passes.prune.operators.base import Operator, attribute, constant, integers, integers_of, required

Chunk = tuple[list[int], list[int]]
"""Axes of the input and axes of the output that hold the same elements."""


def reshape(about: Description, node: onnx_ir.Node) -> None:
    value, result = required(node, 0), node.outputs[0]
    for ins, outs in chunks(dims(value) or (), dims(result) or ()):
        _chunk(about, node, ins, outs)


def _chunk(about: Description, node: onnx_ir.Node, ins: Sequence[int], outs: Sequence[int]) -> None:
    value, result = required(node, 0), node.outputs[0]
    if len(ins) == 1 and len(outs) == 1:
        about.tie(value, ins[0], result, outs[0])
        return
    sizes = [about.size(value, axis) for axis in ins], [about.size(result, axis) for axis in outs]
    factors = common_factors(sizes[0], sizes[1])
    if factors is None:
        for which, axes in ((value, ins), (result, outs)):
            for axis in axes:
                about.freeze(which, axis, "a reshape cuts through this axis")
        return
    places = [(which, axis) for which, axes in ((value, ins), (result, outs)) for axis in axes]
    numbers = [*_assigned(sizes[0], factors), *_assigned(sizes[1], factors)]
    about.choose(
        node,
        factors,
        [(which, axis, mine) for (which, axis), mine in zip(places, numbers, strict=True)],
    )


def chunks(
    before: Sequence[int | str | None], after: Sequence[int | str | None]
) -> list[tuple[list[int], list[int]]]:
    """The shortest runs of axes of equal product, from both ends; a run of unknown size is left out.

    >>> chunks((2, 12, 5, 7), (2, 3, 4, 35))
    [([0], [0]), ([1], [1, 2]), ([2, 3], [3])]
    """
    ins = [axis for axis, size in enumerate(before) if size != 1]
    outs = [axis for axis, size in enumerate(after) if size != 1]
    found, consumed = _from_left(before, after, ins, outs)
    ins, outs = ins[consumed[0] :], outs[consumed[1] :]
    backwards, _ = _from_left(before, after, ins[::-1], outs[::-1])
    return found + [(one[::-1], other[::-1]) for one, other in reversed(backwards)]


def _from_left(
    before: Sequence[int | str | None],
    after: Sequence[int | str | None],
    ins: Sequence[int],
    outs: Sequence[int],
) -> tuple[list[tuple[list[int], list[int]]], tuple[int, int]]:
    found: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(ins) and j < len(outs):
        one, other = before[ins[i]], after[outs[j]]
        if not isinstance(one, int) and one is not None and one == other:
            i, j = i + 1, j + 1
            continue
        run = _run(before, after, ins[i:], outs[j:])
        if run is None:
            break
        found.append((list(ins[i : i + run[0]]), list(outs[j : j + run[1]])))
        i, j = i + run[0], j + run[1]
    return found, (i, j)


def _run(
    before: Sequence[int | str | None],
    after: Sequence[int | str | None],
    ins: Sequence[int],
    outs: Sequence[int],
) -> tuple[int, int] | None:
    """How many axes of each have the same product, at least one of each; None where that is not known."""
    i = j = 1
    while True:
        one, other = [before[axis] for axis in ins[:i]], [after[axis] for axis in outs[:j]]
        if not all(isinstance(size, int) and size > 0 for size in (*one, *other)):
            return None
        left, right = math.prod(one), math.prod(other)  # type: ignore[arg-type]
        if left == right:
            return i, j
        if left < right:
            i += 1
        else:
            j += 1
        if i > len(ins) or j > len(outs):
            return None


def common_factors(
    before: Sequence[int | str | None], after: Sequence[int | str | None]
) -> tuple[int, ...] | None:
    """The coarsest factors, outermost first, of which every axis of both is a run; None without any.

    >>> common_factors((12, 5), (3, 20))
    (3, 4, 5)
    """
    strides: set[int] = {1}
    for sizes in (before, after):
        product = 1
        for size in reversed(sizes):
            assert isinstance(size, int)
            product *= size
            strides.add(product)
    ordered = sorted(strides)
    if any(big % small for small, big in itertools.pairwise(ordered)):
        return None
    return tuple(big // small for small, big in itertools.pairwise(ordered))[::-1]


def _assigned(sizes: Sequence[int | str | None], factors: Sequence[int]) -> list[tuple[int, ...]]:
    """For each axis the numbers of its factors."""
    found: list[tuple[int, ...]] = []
    at = 0
    for size in sizes:
        mine: list[int] = []
        product = 1
        while product != size:
            product *= factors[at]
            mine.append(at)
            at += 1
        found.append(tuple(mine))
    return found


def change_reshape(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    """The shape of the pruned result; sizes that are computed when the network runs stay computed."""
    value, result = required(old, 0), old.outputs[0]
    if not (rewrite.pruned(value) or rewrite.pruned(result)):
        return
    target = integers(old.inputs[1])
    if target is not None:
        # -1 and 0 stay where the size is not known: both still mean what they meant
        sizes = [
            count if isinstance(count := rewrite.count(result, axis), int) else target[axis]
            for axis in range(rewrite.rank(result))
        ]
        rewrite.set_input(new, 1, sizes)
    else:
        rewrite.set_shape(new, 1, result)


def flatten(about: Description, node: onnx_ir.Node) -> None:
    value, result = required(node, 0), node.outputs[0]
    for ins, outs in chunks(dims(value) or (), dims(result) or ()):
        _chunk(about, node, ins, outs)


def squeeze(about: Description, node: onnx_ir.Node) -> None:
    value, result = required(node, 0), node.outputs[0]
    axes = squeezed(node)
    if axes is None:
        return
    left = [axis for axis in range(about.rank(value)) if axis not in axes]
    for new, axis in enumerate(left):
        about.tie(value, axis, result, new)
    about.free(value, *axes)


def squeezed(node: onnx_ir.Node) -> list[int] | None:
    """The axes that a ``Squeeze`` takes away; None where they are not known."""
    shape = dims(required(node, 0)) or ()
    axes = integers_of(node, "axes", 1)
    if axes == [] and len(node.inputs) < 2:
        if not all(isinstance(size, int) for size in shape):
            return None
        return [axis for axis, size in enumerate(shape) if size == 1]
    return None if axes is None else [axis % len(shape) for axis in axes]


def change_squeeze(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    """Name the axes, lest one that was pruned to a single channel goes too."""
    axes = squeezed(old)
    if axes is None or "axes" in old.attributes or len(old.inputs) > 1:
        return
    if rewrite.opset < 13:
        new.attributes["axes"] = onnx_ir.AttrInt64s("axes", axes)
    else:
        new.resize_inputs(2)
        rewrite.set_input(new, 1, axes)


def unsqueeze(about: Description, node: onnx_ir.Node) -> None:
    value, result = required(node, 0), node.outputs[0]
    axes = integers_of(node, "axes", 1)
    if axes is None:
        return
    inserted = {axis % about.rank(result) for axis in axes}
    left = [axis for axis in range(about.rank(result)) if axis not in inserted]
    for axis, new in enumerate(left):
        about.tie(value, axis, result, new)
    about.free(result, *inserted)


def transpose(about: Description, node: onnx_ir.Node) -> None:
    value, result = required(node, 0), node.outputs[0]
    order = attribute(node, "perm", list(range(about.rank(value)))[::-1])
    for new, axis in enumerate(order):
        about.tie(value, axis, result, new)


def expand(about: Description, node: onnx_ir.Node) -> None:
    """What is repeated along an axis may be repeated less often."""
    value, result = required(node, 0), node.outputs[0]
    about.broadcast(value, result)


def change_expand(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    result = old.outputs[0]
    if rewrite.pruned(result):
        target = integers(old.inputs[1])
        if target is None:
            rewrite.set_shape(new, 1, result)
            return
        target = [1] * (rewrite.rank(result) - len(target)) + target
        counts = [rewrite.count(result, axis) for axis in range(rewrite.rank(result))]
        sizes = [new_ if isinstance(new_, int) else was for new_, was in zip(counts, target, strict=True)]
        rewrite.set_input(new, 1, sizes)


def filled(about: Description, node: onnx_ir.Node) -> None:
    """``ConstantOfShape``: any size will do."""
    result = node.outputs[0]
    about.free(result, *range(about.rank(result)))


def change_filled(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    if rewrite.pruned(old.outputs[0]):
        rewrite.set_shape(new, 0, old.outputs[0])


def tile(about: Description, node: onnx_ir.Node) -> None:
    value, result = required(node, 0), node.outputs[0]
    repeats = constant(node.inputs[1])
    if repeats is None:
        return
    for axis, times in enumerate(int(number) for number in repeats):
        size, atoms = about.size(value, axis), about.axis(value, axis)
        repeated = about.axis(result, axis)
        if size == 1:
            continue
        if times == 1:
            about.tie(value, axis, result, axis)
        elif not isinstance(size, int) or repeated.size != size * times:
            about.freeze(value, axis, "an axis of unknown size is repeated")
            about.freeze(result, axis, "an axis of unknown size is repeated")
        else:
            about.ties.tie(repeated.reshape(times, size), atoms)


def change_tile(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    value, result = required(old, 0), old.outputs[0]
    repeats = constant(old.inputs[1])
    if repeats is None or not rewrite.pruned(result):
        return
    times = [int(number) for number in repeats]
    for axis in range(len(times)):
        count = rewrite.count(result, axis)
        if (dims(value) or ())[axis] == 1 and isinstance(count, int):
            times[axis] = count
    rewrite.set_input(new, 1, np.array(times, np.int64))


def shape_of(about: Description, node: onnx_ir.Node) -> None:
    """A size that is asked for stays; sizes that are known were made constants before."""
    value = required(node, 0)
    asked = sizes_asked(node)
    about.free(value, *(axis for axis in range(about.rank(value)) if axis not in asked))


def sizes_asked(node: onnx_ir.Node) -> set[int]:
    """The axes whose sizes anybody looks at, of all that a ``Shape`` gives."""
    rank = len(dims(required(node, 0)) or ())
    given = range(rank)[slice(attribute(node, "start"), attribute(node, "end"))]
    result = node.outputs[0]
    asked = set(given) if result.is_graph_output() else set[int]()
    for use in result.uses():
        asked.update(_picked(use.node, given) if use.idx == 0 else given)
    return asked


def _picked(node: onnx_ir.Node, sizes: Sequence[int]) -> Sequence[int]:
    """Which of the sizes, its first input, a node looks at; all of them where that is not known."""
    if node.op_type == "Gather":
        places = integers(node.inputs[1])
        return sizes if places is None else [sizes[place] for place in places]
    if node.op_type == "Slice":
        starts, ends = integers_of(node, "starts", 1), integers_of(node, "ends", 2)
        steps = integers_of(node, "steps", 4)
        if starts and ends and steps is not None:
            return sizes[slice(starts[0], ends[0], *steps)]
    return sizes


OPERATORS = {
    "Reshape": Operator(reshape, change_reshape),
    "Flatten": Operator(flatten),
    "Squeeze": Operator(squeeze, change_squeeze),
    "Unsqueeze": Operator(unsqueeze),
    "Transpose": Operator(transpose),
    "Expand": Operator(expand, change_expand),
    "ConstantOfShape": Operator(filled, change_filled),
    "Tile": Operator(tile, change_tile),
    "Shape": Operator(shape_of),
}

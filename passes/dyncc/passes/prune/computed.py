"""Shapes that are computed when the network runs, as far as their numbers are known before.

onnx follows them too, but only since operator set 13: before, what ``x.view(x.size(0), -1)`` gives has not
even a rank.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir

from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.operators.base import attribute, required, value_of
from dyncc.passes.prune.operators.slicing import slices

Size = int | str | None
ALIKE = frozenset({"Cast", "Identity", "Squeeze", "Unsqueeze"})
"""Operators that leave the numbers of a vector (or of a single size) as they are."""


def numbers(value: onnx_ir.Value | None) -> list[Size] | None:
    """The entries of a vector of sizes, names and None for those not known; None without its length."""
    tensor = None if value is None else onnx_ir.convenience.get_const_tensor(value)
    if tensor is not None:
        return [int(number) for number in tensor.numpy().ravel()]
    node = None if value is None else value.producer()
    if node is None or node.domain not in ("", "ai.onnx") or not node.inputs:
        return None
    if node.op_type == "Concat":
        parts = [numbers(part) for part in node.inputs]
        return None if None in parts else [size for part in parts for size in part or ()]
    first = required(node, 0)
    if node.op_type == "Shape":
        shape = dims(first)
        return None if shape is None else list(shape[attribute(node, "start") : attribute(node, "end")])
    inner = numbers(first) if node.op_type in ALIKE or node.op_type in ("Gather", "Slice") else None
    if inner is None or node.op_type in ALIKE:
        return inner
    if node.op_type == "Gather":
        places = numbers(value_of(node, 1)) or ()
        known = [place for place in places if isinstance(place, int)]
        return [inner[place] for place in known] if places and len(known) == len(places) else None
    cut = (slices(node, 1) or {}).get(0)
    return None if cut is None else inner[slice(*cut)]


def reshaped(node: onnx_ir.Node) -> list[Size] | None:
    """The shape of what a ``Reshape`` gives; None where not even the rank is known."""
    before, target = dims(required(node, 0)), numbers(value_of(node, 1))
    if before is None or target is None:
        return None
    if not attribute(node, "allowzero", 0):
        target = [
            before[axis] if size == 0 and axis < len(before) else size for axis, size in enumerate(target)
        ]
    if -1 in target:
        at = target.index(-1)
        target[at] = _rest(before, [*target[:at], *target[at + 1 :]])
    return target


def _rest(before: Sequence[Size], others: Sequence[Size]) -> int | None:
    """What is left of a product when ``others`` are taken out; equal names cancel."""
    left = list(before)
    product = 1
    for size in others:
        if isinstance(size, int):
            product *= size
        elif size is not None and size in left:
            left.remove(size)
        else:
            return None
    whole = 1
    for size in left:
        if not isinstance(size, int):
            return None
        whole *= size
    return whole // product if product > 0 and whole % product == 0 else None

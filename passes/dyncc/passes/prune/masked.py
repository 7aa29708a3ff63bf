"""The reference for a pruned network: the original with the removed channels zeroed at their consumers.

Where a normalization runs over removed channels, its statistics are taken over those that are left, which
is what pruning declares for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir

from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.description import Contraction, Norm
from dyncc.passes.prune.edit import Rewrite
from dyncc.passes.prune.groups import Network
from dyncc.passes.prune.operators.base import attribute, required, value_of
from dyncc.passes.prune.rewrite import Removed, start


def masked(network: Network, removed: Removed, model: onnx_ir.Model) -> onnx_ir.Model:
    """A copy of ``model`` (one that ``network`` describes) that ignores the removed channels."""
    rewrite = start(network, removed, model)
    twins = dict(zip(model.graph.all_nodes(), rewrite.model.graph.all_nodes(), strict=True))
    for contraction in network.about.contractions:
        if contraction.node in twins:
            _mask(rewrite, contraction, twins[contraction.node])
    for norm in network.about.norms:
        if norm.node in twins:
            _masked_norm(rewrite, norm, twins[norm.node])
    return rewrite.model


def lossy(network: Network, removed: Removed) -> list[str]:
    """The normalizations that run over removed channels, by the name of their result."""
    found: list[str] = []
    places = [(norm.node, axis) for norm in network.about.norms for axis in norm.axes]
    places += [(c.node, c.axis) for c in network.about.contractions if c.kind == "norm"]
    for node, axis in places:
        if not network.kept(required(node, 0), axis, removed).all():
            found.append(node.outputs[0].name or "?")
    return list(dict.fromkeys(found))


def _mask(rewrite: Rewrite, contraction: Contraction, new: onnx_ir.Node) -> None:
    value = required(contraction.node, contraction.input)
    kept = rewrite.kept(value, contraction.axis)
    if kept.all():
        return
    rewrite.scale_input(new, contraction.input, _along(kept, contraction.axis, value))
    if contraction.kind == "norm":
        # the mean divides by all channels
        rewrite.scale_output(new, np.array(1 / kept.mean(), _dtype(value)))


def _along(kept: np.ndarray, axis: int, value: onnx_ir.Value) -> np.ndarray:
    """A mask of one axis, shaped to broadcast."""
    shape = [1] * len(dims(value) or ())
    shape[axis] = kept.size
    return kept.astype(_dtype(value)).reshape(shape)


def _dtype(value: onnx_ir.Value) -> np.dtype:
    dtype = value.dtype or onnx_ir.DataType.FLOAT
    return np.dtype(dtype.numpy())


@dataclass
class _Builder:
    """Makes nodes one after the other."""

    rewrite: Rewrite
    dtype: np.dtype
    nodes: list[onnx_ir.Node]

    def __call__(
        self, operator: str, *inputs: onnx_ir.Value | np.ndarray | float, **attributes: int | list[int]
    ) -> onnx_ir.Value:
        values = [x if isinstance(x, onnx_ir.Value) else self.constant(x) for x in inputs]
        node = onnx_ir.node(operator, values, attributes)
        self.nodes.append(node)
        return node.outputs[0]

    def constant(self, x: np.ndarray | float) -> onnx_ir.Value:
        array = np.asarray(x)
        if array.dtype.kind != "i":
            array = array.astype(self.dtype)
        return self.rewrite.constant(array, "norm")

    def mean(self, value: onnx_ir.Value, axes: tuple[int, ...]) -> onnx_ir.Value:
        if self.rewrite.opset >= 18:
            return self("ReduceMean", value, np.array(axes, np.int64), keepdims=1)
        return self("ReduceMean", value, keepdims=1, axes=list(axes))


def _masked_norm(rewrite: Rewrite, norm: Norm, new: onnx_ir.Node) -> None:
    value = required(norm.node, 0)
    shape = dims(value) or ()
    pruned = [axis for axis in norm.axes if not rewrite.kept(value, axis).all()]
    if not pruned:
        return
    make = _Builder(rewrite, _dtype(value), [])
    split = norm.groups > 1
    # in groups: axis 1 becomes two, and the axes after it move on by one
    x = required(new, 0)
    if split:
        x = make("Reshape", x, np.array([0, norm.groups, -1, *shape[2:]], np.int64))
    mask = np.ones((1,) * (len(shape) + split), bool)
    for axis in pruned:
        form = [1] * mask.ndim
        form[axis + split] = -1
        if split and axis == 1:
            form[1] = norm.groups
        mask = mask & rewrite.kept(value, axis).reshape(form)
    axes = tuple(axis + 1 for axis in norm.axes) if split else norm.axes
    y = _normalized(make, norm, x, mask, axes)
    if split:
        y = make("Reshape", y, np.array([0, -1, *shape[2:]], np.int64))
    _affine(make, norm, new, y, len(shape))
    rewrite.put(new, make.nodes)


def _normalized(
    make: _Builder, norm: Norm, x: onnx_ir.Value, mask: np.ndarray, axes: tuple[int, ...]
) -> onnx_ir.Value:
    # the share of what is normalized that is left; a group that is all gone is not looked at
    share = mask.mean(axis=axes, keepdims=True)
    share[share == 0] = 1
    centred = x
    if "RMS" not in norm.node.op_type and "Simplified" not in norm.node.op_type:
        mean = make("Div", make.mean(make("Mul", x, mask), axes), share)
        centred = make("Sub", x, mean)
    square = make("Mul", make("Mul", centred, centred), mask)
    variance = make("Div", make.mean(square, axes), share)
    epsilon = float(attribute(norm.node, "epsilon", 1e-5))
    return make("Div", centred, make("Sqrt", make("Add", variance, epsilon)))


def _affine(make: _Builder, norm: Norm, new: onnx_ir.Node, y: onnx_ir.Value, rank: int) -> None:
    layer = "Layer" in norm.node.op_type or "RMS" in norm.node.op_type
    for index, operator in ((1, "Mul"), (2, "Add")):
        old, parameter = value_of(norm.node, index), value_of(new, index)
        if old is None or parameter is None:
            continue
        if not layer:
            size = (dims(old) or (1,))[0]
            channels = (dims(required(norm.node, 0)) or (1, 1))[1]
            if norm.groups > 1 and size != channels:
                assert isinstance(channels, int)
                repeat = np.repeat(np.arange(norm.groups), channels // norm.groups)
                parameter = make("Gather", parameter, repeat, axis=0)
            parameter = make("Reshape", parameter, np.array([-1, *[1] * (rank - 2)], np.int64))
        y = make(operator, y, parameter)
    make("Identity", y)

"""Convolutions: plain, depthwise, grouped, transposed."""

from __future__ import annotations

import onnx_ir

from dyncc.passes.prune.description import Description
from dyncc.passes.prune.edit import Rewrite
from dyncc.passes.prune.operators.base import Operator, attribute, required, value_of


def convolution(about: Description, node: onnx_ir.Node) -> None:
    """``W[O, I/g, …]``. In a grouped one, whole groups go, or the same channels of every group."""
    _grouped(about, node, outputs_first=True)


def transposed(about: Description, node: onnx_ir.Node) -> None:
    """``W[I, O/g, …]``."""
    _grouped(about, node, outputs_first=False)


def _grouped(about: Description, node: onnx_ir.Node, outputs_first: bool) -> None:
    value, weight, bias, result = required(node, 0), required(node, 1), value_of(node, 2), node.outputs[0]
    about.tie(value, 0, result, 0)
    group = attribute(node, "group", 1)
    first, second = about.size(weight, 0), about.size(weight, 1)
    if not (isinstance(first, int) and isinstance(second, int)):
        return
    inputs, outputs = (second, first // group) if outputs_first else (first // group, second)
    of_inputs, of_outputs = (0, 1), (0, 2)
    weight_axes = (of_outputs, (1,)) if outputs_first else (of_inputs, (2,))
    axes = [
        (value, 1, of_inputs),
        (weight, 0, weight_axes[0]),
        (weight, 1, weight_axes[1]),
        (result, 1, of_outputs),
    ]
    if bias is not None:
        axes.append((bias, 0, of_outputs))
    about.choose(node, (group, inputs, outputs), axes)
    about.contract(node, 0, 1)
    if group == 1:
        about.produce(weight, 0 if outputs_first else 1)


def change(rewrite: Rewrite, old: onnx_ir.Node, new: onnx_ir.Node) -> None:
    """The number of groups that are left: either whole groups went, or the same channels of each."""
    group = attribute(old, "group", 1)
    if group == 1:
        return
    kept = rewrite.kept(required(old, 0), 1).reshape(group, -1)
    new.attributes["group"] = onnx_ir.AttrInt64("group", int(kept.any(axis=1).sum()))


OPERATORS = {"Conv": Operator(convolution, change), "ConvTranspose": Operator(transposed, change)}

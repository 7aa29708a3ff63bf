"""Maxima and minima of no elements: PyTorch raises, ONNX Runtime answers with an infinity."""

from __future__ import annotations

import re

import onnx_ir
import torch
from torch import fx

from dyncc.compiler.lower.convert import SOURCE
from dyncc.compiler.lower.rewrite import before

_D = onnx_ir.DataType
aten = torch.ops.aten
_VALUES, _PLACES = ("ReduceMax", "ReduceMin"), ("ArgMax", "ArgMin")
_QUANTIFIERS = (aten.all, aten.any)
_POSITIVE = re.compile(r"\w+ \+ [1-9]\d*")
"""A size that is something and at least one."""


def refuse_empty(graph: onnx_ir.Graph) -> None:
    """Let the engine raise where an axis that a maximum or minimum runs over is of size zero.

    The operand is reshaped to its own shape, with two for a zero: there are no elements for that.
    """
    for node in list(graph):
        source = node.inputs[0] if node.inputs else None
        if node.op_type not in (*_VALUES, *_PLACES) or node.domain or source is None:
            continue
        axes = [] if _is_quantifier(node) else _axes(node, source)
        if source.shape is not None and any(_may_be_zero(source.shape[axis]) for axis in axes):
            node.replace_input_with(0, _of_some(node, source, axes))


def _is_quantifier(node: onnx_ir.Node) -> bool:
    """Whether it is `all` or `any`, which are extrema in ONNX and hold of nothing, or do not."""
    maker = node.meta.get(SOURCE)
    return isinstance(maker, fx.Node) and getattr(maker.target, "overloadpacket", None) in _QUANTIFIERS


def _axes(node: onnx_ir.Node, source: onnx_ir.Value) -> list[int]:
    """The axes that are reduced, as far as they are known."""
    rank = len(source.shape) if source.shape is not None else 0
    if node.op_type in _PLACES:
        return [node.attributes.get_int("axis", 0) % rank] if rank else []
    given = node.inputs[1] if len(node.inputs) > 1 else None
    if given is None:
        return list(range(rank))
    axes = onnx_ir.convenience.get_const_tensor(given)
    return [] if axes is None else [int(axis) % rank for axis in axes.numpy().reshape(-1)]


def _may_be_zero(size: int | onnx_ir.SymbolicDim) -> bool:
    return size == 0 if isinstance(size, int) else _POSITIVE.fullmatch(str(size)) is None


def _of_some(node: onnx_ir.Node, source: onnx_ir.Value, axes: list[int]) -> onnx_ir.Value:
    assert source.shape is not None and source.dtype is not None
    rank = onnx_ir.Shape([len(source.shape)])
    wanted = [2 if axis in axes else 0 for axis in range(len(source.shape))]

    def constant(numbers: list[int], shape: onnx_ir.Shape) -> onnx_ir.Value:
        return before(node, "Constant", [], _D.INT64, shape, {"value_ints": numbers})

    sizes = before(node, "Shape", [source], _D.INT64, rank)
    zero = before(node, "Equal", [sizes, constant([0], onnx_ir.Shape([1]))], _D.BOOL, rank)
    shape = before(node, "Where", [zero, constant(wanted, rank), sizes], _D.INT64, rank)
    return before(node, "Reshape", [source, shape], source.dtype, source.shape, {"allowzero": 1})

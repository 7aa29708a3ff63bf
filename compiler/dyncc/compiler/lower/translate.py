"""Translations of our own: arithmetic on sizes and on numbers that are read from tensors.

torch.onnx divides sizes towards zero, and computes with Python's floats, which are doubles, as float32.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import onnx_ir
import torch
from onnxscript import opset18 as op

import dyncc.compiler.size_checks  # noqa: F401  # makes the operator known

_D = onnx_ir.DataType


def _dtype(value: Any) -> onnx_ir.DataType:
    if isinstance(value, bool):
        return _D.BOOL
    if isinstance(value, int):
        return _D.INT64
    return _D.DOUBLE if isinstance(value, float) else value.dtype or _D.INT64


def _as(value: Any, dtype: onnx_ir.DataType) -> Any:
    """A number as a 0-d value of that dtype."""
    if isinstance(value, int | float):
        return op.Constant(value=onnx_ir.tensor(value, dtype=dtype))
    return value if value.dtype is dtype else op.Cast(value, to=dtype)


def _both(one: Any, other: Any) -> tuple[Any, Any, onnx_ir.DataType]:
    """Two Python numbers as values of one dtype: int64, or double where one is a float."""
    kinds = {_dtype(one), _dtype(other)}
    dtype = _D.INT64 if kinds <= {_D.INT64, _D.INT32, _D.BOOL} else _D.DOUBLE
    return _as(one, dtype), _as(other, dtype), dtype


def _arithmetic(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def translated(self: Any, other: Any) -> Any:
        one, two, _ = _both(self, other)
        return function(one, two)

    return translated


def floor_divide(self: Any, other: Any) -> Any:
    """``//`` of Python numbers."""
    one, two, dtype = _both(self, other)
    quotient = op.Div(one, two)
    if dtype is not _D.INT64:
        return op.Floor(quotient)
    rest = op.Sub(one, op.Mul(quotient, two))
    if isinstance(other, int) and other > 0:
        below = op.Less(rest, _as(0, dtype))
    else:
        # the rest has the sign of the dividend, so the quotient was rounded up where the signs differ
        below = op.Less(op.Mul(op.Sign(rest), op.Sign(two)), _as(0, dtype))
    return op.Sub(quotient, op.Cast(below, to=dtype))


def modulo(self: Any, other: Any) -> Any:
    """``%`` of Python numbers: with the sign of the divisor."""
    one, two, dtype = _both(self, other)
    if dtype is _D.INT64:
        return op.Mod(one, two)
    rest = op.Mod(one, two, fmod=1)
    differ = op.Less(op.Mul(op.Sign(rest), op.Sign(two)), _as(0.0, dtype))
    return op.Where(differ, op.Add(rest, two), rest)


def true_divide(self: Any, other: Any) -> Any:
    """``/`` of Python numbers."""
    return op.Div(_as(self, _D.DOUBLE), _as(other, _D.DOUBLE))


def power(self: Any, other: Any) -> Any:
    """``**`` of Python numbers; of ints only to a power that is not negative."""
    one, two, _ = _both(self, other)
    return op.Pow(one, two)


def to_float(self: Any) -> Any:
    return _as(self, _D.DOUBLE)


def as_size(tensor: Any, sizes: Sequence[Any], spreads: bool) -> Any:
    """A Reshape, or an Expand, to the sizes: what else ``tensor`` has the engine refuses."""
    if all(isinstance(size, int) for size in sizes):
        wanted = op.Constant(value_ints=list(sizes))
    else:
        one = op.Constant(value_ints=[1])
        parts = [
            op.Constant(value_ints=[size]) if isinstance(size, int) else op.Reshape(size, one)
            for size in sizes
        ]
        wanted = op.Concat(*parts, axis=0)
    return op.Expand(tensor, wanted) if spreads else op.Reshape(tensor, wanted, allowzero=1)


def _size(tensor: Any, axis: int) -> Any:
    return op.Gather(op.Shape(tensor), op.Constant(value=onnx_ir.tensor(axis, dtype=_D.INT64)), axis=0)


def _related(relation: str, one: Any, two: Any) -> Any:
    left, right, _ = _both(one, two)
    return op.Not(op.Equal(left, right)) if relation == "ne" else _COMPARISONS[relation](left, right)


_COMPARISONS = {"eq": op.Equal, "lt": op.Less, "le": op.LessOrEqual}


def holds(tensor: Any, relations: Sequence[str], tensors: Sequence[Any], numbers: Sequence[Any]) -> Any:
    """A Reshape to its own shape, or to one of a negative size, which the engine refuses.

    The runtime tells what is meant by that number (``engine_onnxruntime._ASSERTED``). Two sizes are
    computed and come first: of a single one, or of one behind zeros, optimizers make -1.
    """
    sizes = [n if t is None else _size(t, n) for t, n in zip(tensors, numbers, strict=True)]
    truths = [
        _related(relation, one, two)
        for relation, one, two in zip(relations, sizes[::2], sizes[1::2], strict=True)
    ]
    truth = functools.reduce(op.Or, truths)
    lead = op.Where(truth, op.Constant(value_ints=[1, 1]), op.Constant(value_ints=[1, -7]))
    shape = op.Concat(lead, op.Shape(tensor), axis=0)
    return op.Squeeze(op.Reshape(tensor, shape, allowzero=1), op.Constant(value_ints=[0, 1]))


TRANSLATIONS: dict[Any, Callable[..., Any]] = {
    torch.ops.dyncc.as_size.default: as_size,
    torch.ops.dyncc.holds.default: holds,
    operator.add: _arithmetic(op.Add),
    operator.sub: _arithmetic(op.Sub),
    operator.mul: _arithmetic(op.Mul),
    operator.floordiv: floor_divide,
    operator.mod: modulo,
    operator.truediv: true_divide,
    operator.pow: power,
    torch.sym_float: to_float,
}
"""Callables of an exported program → what makes ONNX of them, given ONNX values and Python numbers."""


def drop_needless_rounding(graph: torch.fx.Graph) -> None:
    """Mark divisions of sizes that are exact towards zero too, which are nearly all of them."""
    for node in graph.nodes:
        if node.target is operator.floordiv and all(map(_not_negative, node.args)):
            node.target = _size_divide


def _size_divide(self: Any, other: Any) -> Any:
    """``//`` of numbers that are not negative."""
    return self // other


def _not_negative(value: Any) -> bool:
    if isinstance(value, int):
        return value >= 0
    number = value.meta.get("val") if isinstance(value, torch.fx.Node) else None
    if not isinstance(number, torch.SymInt):
        return False
    environment = number.node.shape_env
    return environment is not None and bool(environment.bound_sympy(number.node.expr).lower >= 0)


TRANSLATIONS[_size_divide] = _arithmetic(op.Div)

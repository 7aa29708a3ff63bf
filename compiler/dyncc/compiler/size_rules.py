"""PyTorch's rules of sizes (and one of a dtype) where its releases differ, for all of them as in 2.13.

Where a size is known only when the network runs, a release may have a rule that asks of it what another
does not. 2.11 has a new size, of which nothing is known, for a slice that may end beyond its tensor, and
asks of a pooling whether its windows come out even. Here are the rules that do not ask.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import _meta_registrations as meta
from torch._subclasses import fake_impls
from torch._subclasses.fake_tensor import FakeTensor, in_kernel_invocation_manager
from torch.fx.experimental.symbolic_shapes import (
    GuardOnDataDependentSymNode,
    guard_or_false,
    statically_known_true,
    sym_and,
)
from torch.utils._sympy.functions import Max


@contextmanager
def size_rules() -> Iterator[None]:
    """Have fake tensors follow these rules, where the release of PyTorch has what they stand in for."""
    rules = fake_impls.op_implementations_dict
    theirs = {operator: rules[operator] for operator in _RULES if operator in rules}
    names = [name for name in (*_CHECKS, _DIVIDE) if hasattr(meta, name)]
    before = {name: getattr(meta, name) for name in names}
    try:
        rules.update({operator: _RULES[operator](rule) for operator, rule in theirs.items()})
        for name, function in before.items():
            stand_in = _deferred(function, _CHECKS[name]) if name in _CHECKS else _floor_divide
            setattr(meta, name, stand_in)
        yield
    finally:
        rules.update(theirs)
        for name, function in before.items():
            setattr(meta, name, function)


_DIVIDE = "div_rtn"


def _floor_divide(one: Any, other: Any) -> Any:
    """``//`` rounds down already; 2.11 asks for the rest."""
    return one // other


def _deferred(check: Callable[..., None], needs: Callable[..., list[Any]]) -> Callable[..., None]:
    """A check that has to hold when the network runs, where it asks for sizes that data decide."""
    signature = inspect.signature(check)

    def deferred(*args: Any, **kwargs: Any) -> None:
        try:
            check(*args, **kwargs)
        except GuardOnDataDependentSymNode:
            for condition in needs(**signature.bind(*args, **kwargs).arguments):
                torch._check(condition)

    return deferred


def _pool2d_needs(
    input: Any, kH: Any, kW: Any, padH: Any, padW: Any, outputHeight: Any, outputWidth: Any, **_: Any
) -> list[Any]:
    filled = [size != 0 for size in input.shape[-3:]]
    return [*filled, kH // 2 >= padH, kW // 2 >= padW, outputHeight >= 1, outputWidth >= 1]


def _pool3d_needs(input: Any, check_input_size: bool = False, **given: Any) -> list[Any]:
    needed = [size != 0 for size in input.shape[-4:]]
    for size, out, axis in (
        ("itime", "otime", "T"),
        ("iheight", "oheight", "H"),
        ("iwidth", "owidth", "W"),
    ):
        kernel = given[f"k{axis}"]
        needed += [kernel // 2 >= given[f"p{axis}"], given[out] >= 1]
        if check_input_size:
            needed.append(given[size] >= kernel)
    return needed


_CHECKS = {"pool2d_shape_check": _pool2d_needs, "pool3d_shape_check": _pool3d_needs}
"""By name in PyTorch's module of meta functions: what a check asks for, one condition at a time."""


def _slice_rule(otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """A slice whose size is an expression over its bounds and the size of its tensor, where it can be."""

    def slice_(
        mode: Any, func: Any, self: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
    ) -> Any:
        span = None
        if not self.is_quantized and step > 0 and -self.dim() <= dim < self.dim():
            span = _span(self.shape[dim], start, end)
        if span is None:
            return otherwise(mode, func, self, dim, start, end, step)
        first, length = span
        sizes, strides = list(self.shape), list(self.stride())
        offset = self.storage_offset() + first * strides[dim]
        sizes[dim] = (length + step - 1) // step
        strides[dim] *= step
        return self.as_strided(sizes, strides, offset)

    return slice_


def _span(size: Any, start: Any, end: Any) -> tuple[Any, Any] | None:
    """The first element of a slice of step 1, and how many; None where the sign of a bound is unknown."""
    first = 0 if start is None else _bound(size, start)
    whole = end is None or statically_known_true(end == sys.maxsize)
    last = size if whole else _bound(size, end)
    if first is None or last is None:
        return None
    if whole and start is not None and not _is_within(size, start):
        return first, _after(size, start) if guard_or_false(start >= 0) else torch.sym_min(size, -start)
    if guard_or_false(last >= first):
        return first, last - first
    return first, 0 if guard_or_false(first >= last) else torch.sym_max(last - first, 0)


def _after(size: Any, count: Any) -> Any:
    """How many elements are left of ``size`` after ``count``, which is not negative: at least 0.

    A size of this form stays one, however often a tensor is cut: ``size - min(count, size)``, which is the
    same, would double with every cut.
    """
    expr = size.node.expr if isinstance(size, torch.SymInt) else None
    if isinstance(expr, Max) and 0 in expr.args:
        # max(0, max(0, a) - count) is max(0, a - count)
        fewer = count.node.expr if isinstance(count, torch.SymInt) else count
        left = Max(0, *(arg - fewer for arg in expr.args if arg != 0))
        return size.node.shape_env.create_symintnode(left, hint=None)
    return torch.sym_max(size - count, 0)


def _is_within(size: Any, index: Any) -> bool:
    """Whether ``index`` is known to be one of a tensor of ``size`` elements, or ``size``."""
    return guard_or_false(sym_and(index >= 0, index <= size))


def _bound(size: Any, index: Any) -> Any:
    """An index of a slice as one from 0 to ``size``; None where its sign is unknown."""
    if _is_within(size, index):
        return index
    if guard_or_false(sym_and(index < 0, index >= -size)):
        return index + size
    if guard_or_false(index < -size):
        return 0
    if guard_or_false(index > size):
        return size
    if guard_or_false(index >= 0):
        return torch.sym_min(index, size)
    return _after(size, -index) if guard_or_false(index < 0) else None


def _copied(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value


def _convolution_rule(otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The result of a convolution is contiguous where what chooses the kernel asks for a size."""

    def convolution(mode: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
        try:  # (on copies: 2.11 changes lists among the arguments)
            return otherwise(mode, func, *map(_copied, args), **kwargs)
        except GuardOnDataDependentSymNode:
            tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, FakeTensor)]
            with in_kernel_invocation_manager(mode):
                result = func(*args, **kwargs)
            return FakeTensor(mode, result, tensors[0].fake_device)

    return convolution


def _copy_rule(otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """A copy needs of sizes what expanding needs, and no more."""

    def copy(mode: Any, func: Any, self: Any, src: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return otherwise(mode, func, self, src, *args, **kwargs)
        except GuardOnDataDependentSymNode:
            with mode:
                src.expand(self.shape)
                changes = func is torch.ops.aten.copy_.default
                return self if changes else self.new_empty_strided(self.shape, self.stride())

    return copy


def _unique_rule(otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """Places and counts are integers, whatever the elements are."""

    def unique(mode: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
        found, *numbers = otherwise(mode, func, *args, **kwargs)
        with mode:
            return found, *(number.to(torch.int64) for number in numbers)

    return unique


_RULES = {
    torch.ops.aten.copy.default: _copy_rule,
    torch.ops.aten.copy_.default: _copy_rule,
    torch.ops.aten.slice.Tensor: _slice_rule,
    torch.ops.aten.convolution.default: _convolution_rule,
    torch.ops.aten._unique2.default: _unique_rule,
    torch.ops.aten.unique_dim.default: _unique_rule,
    torch.ops.aten.unique_consecutive.default: _unique_rule,
}
"""By operator: what makes a rule of PyTorch's."""

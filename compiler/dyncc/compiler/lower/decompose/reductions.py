"""Reductions and scans that ONNX lacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from dyncc.compiler.lower.decompose.registry import DECOMPOSITIONS, decomposes

aten = torch.ops.aten


def _over_all(operator: Any) -> Callable[..., Any]:
    """``amax`` and ``amin`` without dims: over all of them, which the translation does not know."""

    def decomposed(self: torch.Tensor, dim: Any = (), keepdim: bool = False) -> Any:
        if len(dim) or self.dim() == 0:
            return NotImplemented if len(dim) else self.clone()
        return operator(self, list(range(self.dim())), keepdim)

    return decomposed


DECOMPOSITIONS[aten.amax.default] = _over_all(aten.amax.default)
DECOMPOSITIONS[aten.amin.default] = _over_all(aten.amin.default)


@decomposes(aten.mean.default, aten.mean.dim)
def mean(
    self: torch.Tensor, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Any:
    """ONNX Runtime's mean of nothing is 0, PyTorch's is nan."""
    dims = list(range(self.dim())) if dim is None or len(dim) == 0 else [axis % self.dim() for axis in dim]
    count = _number_over(self, dims)
    if isinstance(count, int) and count:
        return NotImplemented
    return torch.sum(self, dims, keepdim, dtype=dtype) / count


def _number_over(self: torch.Tensor, dims: Any) -> Any:
    """The number of elements over ``dims``."""
    count: Any = 1
    for axis in dims:
        count = count * self.shape[axis]
    return count


@decomposes(aten.var.correction)
def var(self: torch.Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Any:
    """The translation's variance of nothing is 0, PyTorch's is nan."""
    dims = dim or list(range(self.dim()))
    count = _number_over(self, dims)
    if isinstance(count, int) and count:
        return NotImplemented
    apart = self - torch.sum(self, dims, keepdim=True) / count
    left = torch.full((), count, dtype=self.dtype) - (1 if correction is None else correction)
    return (apart * apart).sum(dims, keepdim) / left.clamp(min=0)


@decomposes(aten.std.correction)
def std(self: torch.Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Any:
    found = var(self, dim, correction=correction, keepdim=keepdim)
    return found if found is NotImplemented else found.sqrt()


def _with_mean(spread: Any) -> Callable[..., Any]:
    """``var_mean`` and ``std_mean``, whose translation computes in two precisions at once."""

    def decomposed(
        self: torch.Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False
    ) -> Any:
        dims = dim or list(range(self.dim()))
        middle = aten.mean.dim(self, dims, keepdim)
        return spread(self, dims, correction=correction, keepdim=keepdim), middle

    return decomposed


DECOMPOSITIONS[aten.var_mean.correction] = _with_mean(aten.var.correction)
DECOMPOSITIONS[aten.std_mean.correction] = _with_mean(aten.std.correction)


@decomposes(aten.aminmax.default)
def aminmax(self: torch.Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    dims = list(range(self.dim())) if dim is None else [dim]
    if self.dim() == 0:
        return self.clone(), self.clone()
    return aten.amin.default(self, dims, keepdim), aten.amax.default(self, dims, keepdim)


@decomposes(aten.median.default)
def median(self: torch.Tensor) -> torch.Tensor:
    """The lower of the two in the middle; of no elements nan, or the least integer."""
    values = aten.sort.default(self.reshape(-1), 0, False)[0]
    none = float("nan") if self.is_floating_point() else torch.iinfo(self.dtype).min
    values = torch.cat([torch.full((1,), none, dtype=self.dtype), values])
    middle = values.select(0, values.shape[0] // 2)
    return torch.where(self.isnan().any(), none, middle) if self.is_floating_point() else middle


@decomposes(aten.median.dim)
def median_dim(self: torch.Tensor, dim: int, keepdim: bool = False) -> Any:
    if self.dim() == 0:
        return self.clone(), torch.zeros((), dtype=torch.int64)
    value, index = aten.kthvalue.default(self, (self.shape[dim] + 1) // 2, dim, keepdim)
    if not self.is_floating_point():
        return value, index
    isnan = self.isnan()
    first = isnan.to(torch.int32).argmax(dim, keepdim)
    found = isnan.any(dim, keepdim)
    return torch.where(found, math.nan, value), torch.where(found, first, index)


@decomposes(aten.kthvalue.default)
def kthvalue(self: torch.Tensor, k: Any, dim: int = -1, keepdim: bool = False) -> Any:
    values, indices = aten.sort.default(self, dim, False)
    value, index = values.select(dim, k - 1), indices.select(dim, k - 1)
    return (value.unsqueeze(dim), index.unsqueeze(dim)) if keepdim else (value, index)


@decomposes(aten._cdist_forward.default)
def cdist(x1: torch.Tensor, x2: torch.Tensor, p: float, compute_mode: int | None) -> torch.Tensor:
    difference = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    return torch.linalg.vector_norm(difference, p, dim=-1)


@decomposes(aten.logcumsumexp.default)
def logcumsumexp(self: torch.Tensor, dim: int) -> torch.Tensor:
    """The translation's exponentials overflow, and vanish beside a larger one that comes later."""
    if self.dim() == 0:
        return self.clone()
    values, past = prefixes(self, dim)
    return torch.where(past, values, -math.inf).logsumexp(-1).movedim(-1, dim)


@decomposes(aten.cummax.default)
def cummax(self: torch.Tensor, dim: int) -> Any:
    return _running(self, dim, torch.amax)


@decomposes(aten.cummin.default)
def cummin(self: torch.Tensor, dim: int) -> Any:
    return _running(self, dim, torch.amin)


def prefixes(self: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``[…, i, j] = self[…, j]``, and which ``j`` are at most ``i``: a scan in quadratic memory."""
    if self.dim() == 0:
        return self, self
    moved = self.movedim(dim, -1)
    place = torch.arange(moved.shape[-1], device=self.device)
    values = moved.unsqueeze(-2).expand(*moved.shape, moved.shape[-1])
    return values, place.unsqueeze(0) <= place.unsqueeze(1)


def _running(self: torch.Tensor, dim: int, reduce: Callable[..., torch.Tensor]) -> Any:
    """The best so far, and its last place."""
    if self.dim() == 0:
        return self.clone(), torch.zeros((), dtype=torch.int64)
    values, past = prefixes(self, dim)
    first = values[..., :1]  # in every prefix, so it changes nothing
    best = reduce(torch.where(past, values, first), -1)
    place = torch.arange(values.shape[-1], device=self.device).expand(values.shape)
    hit = values == best.unsqueeze(-1)
    if self.is_floating_point():
        hit = hit | (values.isnan() & best.isnan().unsqueeze(-1))
    hit = hit & past
    index = torch.where(hit, place, 0).amax(-1)
    return best.movedim(-1, dim), index.movedim(-1, dim)


# The translation of `any` takes the maximum, which of no elements is not 0 but the least integer. Of uint8,
# `any` and `all` are uint8.


@decomposes(aten.any.default)
def any_of_all(self: torch.Tensor) -> Any:
    return _any(self, list(range(self.dim())), False)


@decomposes(aten.any.dim)
def any_of_dim(self: torch.Tensor, dim: int, keepdim: bool = False) -> Any:
    return _any(self, [dim], keepdim)


@decomposes(aten.any.dims)
def any_of_dims(self: torch.Tensor, dim: list[int] | None = None, keepdim: bool = False) -> Any:
    dims = list(range(self.dim())) if dim is None else dim
    return _any(self, dims, keepdim)


def _any(self: torch.Tensor, dims: list[int], keepdim: bool) -> Any:
    if self.dtype is not torch.uint8 and not _may_be_empty(self):
        return NotImplemented
    found = (self != 0).to(torch.int64).sum(dims, keepdim) > 0
    return found.to(torch.uint8) if self.dtype is torch.uint8 else found


@decomposes(aten.all.default)
def all_of_all(self: torch.Tensor) -> Any:
    return (self != 0).all().to(torch.uint8) if self.dtype is torch.uint8 else NotImplemented


@decomposes(aten.all.dim)
def all_of_dim(self: torch.Tensor, dim: int, keepdim: bool = False) -> Any:
    return (self != 0).all(dim, keepdim).to(torch.uint8) if self.dtype is torch.uint8 else NotImplemented


@decomposes(aten.isnan.default)
def isnan(self: torch.Tensor) -> Any:
    return NotImplemented if self.is_floating_point() else torch.zeros_like(self, dtype=torch.bool)


def _may_be_empty(self: torch.Tensor) -> bool:
    return any(not isinstance(size, int) or size == 0 for size in self.shape)


@decomposes(aten._is_all_true.default)
def is_all_true(self: torch.Tensor) -> torch.Tensor:
    return self.all()


@decomposes(aten._is_any_true.default)
def is_any_true(self: torch.Tensor) -> torch.Tensor:
    return self.any()

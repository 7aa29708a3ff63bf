"""Indexing, scattering and searching."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from dyncc.compiler.lower.decompose.registry import DECOMPOSITIONS, decomposes, equal, is_symbolic, number

aten = torch.ops.aten


@decomposes(aten.masked_select.default)
def masked_select(self: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    one, two = torch.broadcast_tensors(self, mask)
    return aten.index.Tensor(one, [two])


_NARROW = torch.int32
"""A dtype of indices that PyTorch takes, and ``ScatterND`` and ``GatherND`` do not."""


def _whole(indices: Any) -> list[torch.Tensor | None] | None:
    """The indices in int64; None where they are."""
    if not any(index is not None and index.dtype is _NARROW for index in indices):
        return None
    return [i.to(torch.int64) if i is not None and i.dtype is _NARROW else i for i in indices]


@decomposes(aten.index.Tensor)
def index(self: torch.Tensor, indices: Any) -> Any:
    whole = _whole(indices)
    return NotImplemented if whole is None else aten.index.Tensor(self, whole)


@decomposes(aten.index_put.default, aten._unsafe_index_put.default)
def index_put(self: torch.Tensor, indices: Any, values: torch.Tensor, accumulate: bool = False) -> Any:
    """One value under a mask is a choice; a mask among several indices is the places where it is true.

    The translation takes values only of the size of what they replace.
    """
    whole = _whole(indices)
    if whole is not None:
        return aten.index_put.default(self, whole, values, accumulate)
    masks = [index for index in indices if index is not None and index.dtype is torch.bool]
    used = [index for index in indices if index is not None]
    if len(masks) == len(used) == 1 and not accumulate and equal(values.numel(), 1):
        return torch.where(_aligned(masks[0], indices, self.dim()), values.reshape(()), self)
    if masks and len(indices) > 1:
        places: list[torch.Tensor | None] = []
        for index in indices:
            if index is None or index.dtype is not torch.bool:
                places.append(index)
            else:
                places.extend(index.nonzero().unbind(1))
        return aten.index_put.default(self, places, values, accumulate)
    if masks:
        return NotImplemented
    shape = aten.index.Tensor(self, indices).shape
    if values.dim() == len(shape) and all(map(equal, values.shape, shape)):
        return NotImplemented
    return aten.index_put.default(self, indices, values.expand(shape), accumulate)


def _aligned(mask: torch.Tensor, indices: Any, rank: int) -> torch.Tensor:
    """A mask as it lies over the tensor that it indexes."""
    before = next(axis for axis, index in enumerate(indices) if index is not None)
    after = rank - before - mask.dim()
    return mask.reshape((1,) * before + tuple(mask.shape) + (1,) * after)


@decomposes(aten.copy.default)
def copy(self: torch.Tensor, src: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    return src.to(self.dtype).expand(self.shape)


@decomposes(aten.split.Tensor)
def split(self: torch.Tensor, split_size: Any, dim: int = 0) -> Any:
    """Parts of a size that is known only at run time, and as many as the program was recorded with."""
    if not is_symbolic(split_size):
        return NotImplemented
    length = self.shape[dim]
    count = int((length + split_size - 1) // split_size)
    starts = [split_size * place for place in range(count)]
    return [self.narrow(dim, start, split_size) for start in starts[:-1]] + [
        self.narrow(dim, starts[-1], length - starts[-1])
    ]


# ----------------------------------------------------------------------------------- scattering


def _cut(source: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """The part of ``source`` that is scattered: ONNX wants it as large as ``index``."""
    for axis, size in enumerate(index.shape):
        if not equal(source.shape[axis], size):
            source = source.narrow(axis, 0, size)
    return source


def _same_size(source: torch.Tensor, index: torch.Tensor) -> bool:
    return all(map(equal, source.shape, index.shape))


@decomposes(aten.scatter.src)
def scatter_src(self: torch.Tensor, dim: int, index: torch.Tensor, src: torch.Tensor) -> Any:
    if _same_size(src, index):
        return NotImplemented
    return aten.scatter.src(self, dim, index, _cut(src, index))


@decomposes(aten.scatter_add.default)
def scatter_add(self: torch.Tensor, dim: int, index: torch.Tensor, src: torch.Tensor) -> Any:
    if _same_size(src, index):
        return NotImplemented
    return aten.scatter_add.default(self, dim, index, _cut(src, index))


@decomposes(aten.scatter_reduce.two)
def scatter_reduce(
    self: torch.Tensor,
    dim: int,
    index: torch.Tensor,
    src: torch.Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Any:
    """ONNX has no mean, and always takes what is there into account: there the identity is put first."""
    if reduce != "mean" and include_self and _same_size(src, index):
        return NotImplemented
    src = _cut(src, index)
    base = self
    if not include_self:
        written = torch.zeros_like(self, dtype=torch.int32).scatter(dim, index, 1) > 0
        base = torch.where(written, number(_identity(reduce, self.dtype), self.dtype), self)
    if reduce != "mean":
        return aten.scatter_reduce.two(base, dim, index, src, reduce, include_self=True)
    total = aten.scatter_add.default(base, dim, index, src)
    start = torch.ones_like(self) if include_self else torch.zeros_like(self)
    count = aten.scatter_add.default(start, dim, index, torch.ones_like(src)).clamp(min=1)
    return total / count if self.is_floating_point() else aten.floor_divide.default(total, count)


def _identity(reduce: str, dtype: torch.dtype) -> Any:
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    info = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
    if dtype.is_floating_point:
        return float("-inf") if reduce == "amax" else float("inf")
    return info.min if reduce == "amax" else info.max


@decomposes(aten.scatter.reduce)
def scatter_old_reduce(
    self: torch.Tensor, dim: int, index: torch.Tensor, src: torch.Tensor, *, reduce: str
) -> torch.Tensor:
    kind = {"add": "sum", "multiply": "prod"}[reduce]
    return aten.scatter_reduce.two(self, dim, index, _cut(src, index), kind, include_self=True)


@decomposes(aten.scatter.value_reduce)
def scatter_value_reduce(
    self: torch.Tensor, dim: int, index: torch.Tensor, value: Any, *, reduce: str
) -> torch.Tensor:
    source = torch.full_like(index, value, dtype=self.dtype)
    kind = {"add": "sum", "multiply": "prod"}[reduce]
    return aten.scatter_reduce.two(self, dim, index, source, kind, include_self=True)


@decomposes(aten.diagonal_scatter.default)
def diagonal_scatter(
    self: torch.Tensor, src: torch.Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> torch.Tensor:
    moved = self.movedim((dim1, dim2), (-2, -1))
    rows = torch.arange(moved.shape[-2], device=self.device).unsqueeze(1)
    columns = torch.arange(moved.shape[-1], device=self.device).unsqueeze(0)
    place = (rows if offset >= 0 else columns).expand(rows.shape[0], columns.shape[1])
    place = place.clamp(max=src.shape[-1] - 1)
    values = src.index_select(-1, place.reshape(-1)).reshape(*src.shape[:-1], *place.shape)
    return torch.where(columns - rows == offset, values, moved).movedim((-2, -1), (dim1, dim2))


# ------------------------------------------------------------------------------------ searching


@decomposes(aten.nonzero.default)
def nonzero(self: torch.Tensor) -> Any:
    """ONNX Runtime has a kernel for float32 alone among the floats."""
    if self.dtype is torch.float64:
        return aten.nonzero.default(self != 0)
    return NotImplemented


@decomposes(aten.searchsorted.Tensor)
def searchsorted(
    sorted_sequence: torch.Tensor,
    self: torch.Tensor,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: torch.Tensor | None = None,
) -> torch.Tensor:
    """The number of elements before each value; ONNX has no search."""
    if sorter is not None:
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    dtype = torch.promote_types(sorted_sequence.dtype, self.dtype)
    edges, values = sorted_sequence.to(dtype), self.to(dtype).unsqueeze(-1)
    edges = edges.unsqueeze(-2) if edges.dim() > 1 else edges
    before = edges <= values if right or side == "right" else edges < values
    if dtype.is_floating_point:
        before = before | values.isnan()  # beyond all
    return before.sum(-1, dtype=torch.int32 if out_int32 else torch.int64)


@decomposes(aten.searchsorted.Scalar)
def searchsorted_scalar(sorted_sequence: torch.Tensor, self: Any, **options: Any) -> torch.Tensor:
    value = number(self, torch.result_type(sorted_sequence, self if not is_symbolic(self) else 1.0))
    return aten.searchsorted.Tensor(sorted_sequence, value, **options)


@decomposes(aten.bucketize.Tensor)
def bucketize(
    self: torch.Tensor, boundaries: torch.Tensor, *, out_int32: bool = False, right: bool = False
) -> torch.Tensor:
    return aten.searchsorted.Tensor(boundaries, self, out_int32=out_int32, right=right)


@decomposes(aten.sort.stable)
def sort_stable(
    self: torch.Tensor, *, stable: bool | None = None, dim: int = -1, descending: bool = False
) -> Any:
    """ONNX's TopK orders equal elements by their place, so every sort is stable."""
    return aten.sort.default(self, dim, descending)


@decomposes(aten.isin.Tensor_Tensor)
def isin(
    elements: torch.Tensor,
    test_elements: torch.Tensor,
    *,
    assume_unique: bool = False,
    invert: bool = False,
) -> torch.Tensor:
    found = (elements.unsqueeze(-1) == test_elements.reshape(-1)).any(-1)
    return ~found if invert else found


# ----------------------------------------------------------------------------- shifts and views


@decomposes(aten.roll.default)
def roll(self: torch.Tensor, shifts: Any, dims: Any = ()) -> Any:
    shifts = list(shifts) if isinstance(shifts, list | tuple) else [shifts]
    dims = list(dims) if isinstance(dims, list | tuple) else [dims]
    if not any(map(is_symbolic, (*shifts, *self.shape))):
        return NotImplemented
    if not dims:
        return aten.roll.default(self.reshape(-1), shifts, [0]).reshape(self.shape)
    for shift, dim in zip(shifts, dims, strict=True):
        size = self.shape[dim]
        # (the exporter takes the larger of a size and 1 to be the size)
        index = torch.remainder(torch.arange(size) - shift, number(size, torch.int64).clamp(min=1))
        self = self.index_select(dim, index)
    return self


@decomposes(aten.squeeze.dim)
def squeeze_dim(self: torch.Tensor, dim: int) -> Any:
    return squeeze_dims(self, (dim,))


@decomposes(aten.squeeze.dims)
def squeeze_dims(self: torch.Tensor, dims: Any) -> Any:
    """ONNX refuses to squeeze what is not 1 long; PyTorch leaves it."""
    rank = self.dim()
    axes = [dim % rank for dim in dims] if rank else []
    single = [axis for axis in axes if equal(self.shape[axis], 1)]
    if len(single) == len(axes) and len(dims) > 0 and rank:
        return NotImplemented
    return aten.squeeze.dims(self, single) if single else aten.alias.default(self)


@decomposes(aten.as_strided.default)
def as_strided(
    self: torch.Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> torch.Tensor:
    """By indices into the elements in the order in which they are stored."""
    order = sorted(range(self.dim()), key=lambda axis: (-self.stride(axis), -self.shape[axis]))
    stored = self.permute(order)
    start = 0 if storage_offset is None else storage_offset - self.storage_offset()
    last = start + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if not stored.is_contiguous() or start < 0 or last >= self.numel():
        raise NotImplementedError("`as_strided` reaches elements that are not part of the tensor")
    index = number(start, torch.int64)
    for length, step in zip(size, stride, strict=True):
        index = index.unsqueeze(-1) + torch.arange(length, device=self.device) * step
    return stored.reshape(-1).index_select(0, index.reshape(-1)).reshape(tuple(size))


# ----------------------------------------------------------------------------------- joining


@decomposes(aten.hstack.default)
def hstack(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """The translations of these work on ONNX sequences."""
    flat = tensors[0].dim() <= 1
    return torch.cat([t.reshape(1) if t.dim() == 0 else t for t in tensors], 0 if flat else 1)


@decomposes(aten.vstack.default)
def vstack(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat([t.reshape(1, -1) if t.dim() < 2 else t for t in tensors], 0)


@decomposes(aten.dstack.default)
def dstack(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat(
        [t.reshape(1, -1, 1) if t.dim() < 2 else t.unsqueeze(-1) if t.dim() == 2 else t for t in tensors], 2
    )


@decomposes(aten.column_stack.default)
def column_stack(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat([t.reshape(-1, 1) if t.dim() < 2 else t for t in tensors], 1)


def _of_any_index(operator: Any) -> Callable[..., Any]:
    """``operator(self, dim, index, …)``, which takes an index of floats where that has no elements.

    ``torch.tensor(numbers)`` of an empty list is one.
    """
    otherwise = DECOMPOSITIONS.get(operator)

    def decomposed(self: torch.Tensor, dim: int, index: torch.Tensor, *args: Any, **options: Any) -> Any:
        if index.dtype.is_floating_point:
            return operator(self, dim, index.to(torch.int64), *args, **options)
        return NotImplemented if otherwise is None else otherwise(self, dim, index, *args, **options)

    return decomposed


for _operator in (aten.gather.default, aten.scatter.src, aten.scatter.value, aten.scatter_add.default):
    DECOMPOSITIONS[_operator] = _of_any_index(_operator)

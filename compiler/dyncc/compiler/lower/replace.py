"""Replacements of PyTorch callables that the exporter gets wrong or cannot take, at the call itself.

Most repairs are made one level lower, on ATen operators (:mod:`~dyncc.compiler.lower.decompose`), where a
call is met whatever its spelling. Here are those that fail before there is an ATen operator.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from dyncc.compiler.lower.decompose.networks import attention
from dyncc.compiler.lower.recurrent import packed, recurrent
from dyncc.compiler.packed import PACKED

QUANTILES = (torch.quantile, torch.Tensor.quantile, torch.nanquantile, torch.Tensor.nanquantile)
RECURRENT = (torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu)
_BASIC = (int, torch.SymInt, slice)


def replacement(target: Callable[..., Any]) -> Callable[..., Any]:
    """What the exporter calls instead of ``target``: the same function of its arguments."""
    return _REPLACEMENTS.get(target, target)


def _setitem(tensor: torch.Tensor, key: Any, value: Any) -> None:
    """``tensor[key] = value``: an index known only at run time is taken by ``select``."""
    keys = key if isinstance(key, tuple) else (key,)
    basic = all(item is None or item is ... or isinstance(item, _BASIC) for item in keys)
    if not (basic and any(isinstance(item, torch.SymInt) for item in keys)):
        tensor[key] = value
        return
    view = _view(tensor, keys)
    view.copy_(value if isinstance(value, torch.Tensor) else torch.full((), value, dtype=tensor.dtype))


def _view(tensor: torch.Tensor, keys: tuple[Any, ...]) -> torch.Tensor:
    """``tensor[keys]``, a view, for keys of basic indexing."""
    used = sum(item is not None and item is not ... for item in keys)
    axis = 0
    for item in keys:
        if item is None:
            tensor, axis = tensor.unsqueeze(axis), axis + 1
        elif item is ...:
            axis += tensor.dim() - axis - used
        elif isinstance(item, slice):
            tensor, axis, used = tensor[(slice(None),) * axis + (item,)], axis + 1, used - 1
        else:
            tensor, used = tensor.select(axis, item), used - 1
    return tensor


def _fill_diagonal(tensor: torch.Tensor, fill_value: Any, wrap: bool = False) -> torch.Tensor:
    """ATen's decomposition strides over the storage, which ONNX does not have."""
    rows = tensor.shape[0]
    if tensor.dim() != 2 or (wrap and isinstance(rows, int) and rows > tensor.shape[1]):
        return tensor.fill_diagonal_(fill_value, wrap)
    hit = torch.arange(rows).unsqueeze(1) == torch.arange(tensor.shape[1])
    return tensor.masked_fill_(hit, fill_value)


def _one_hot(tensor: torch.Tensor, num_classes: Any = -1) -> torch.Tensor:
    """Without a number of classes it is read off the tensor, which the exporter cannot follow.

    A class that is out of range is looked up, so that the engine refuses it as PyTorch does.
    """
    if isinstance(num_classes, int) and num_classes == -1:
        num_classes = (tensor.max() + 1).item()
        torch._check(num_classes > 0)
    classes = torch.arange(num_classes)
    tensor = classes.index_select(0, tensor.reshape(-1)).reshape(tensor.shape)
    return (tensor.unsqueeze(-1) == classes).to(torch.int64)


def _linspace(start: Any, end: Any, steps: Any, *, dtype: torch.dtype | None = None, **options: Any) -> Any:
    """As ATen: from both ends towards the middle."""
    if not isinstance(steps, torch.SymInt):
        return torch.linspace(start, end, steps, dtype=dtype, **options)
    dtype = dtype or torch.get_default_dtype()
    place = torch.arange(steps)
    step = torch.full((), (end - start), dtype=dtype) / torch.full((), steps - 1, dtype=dtype).clamp(min=1)
    backward = end - (steps - 1 - place) * step
    return torch.where(place * 2 < steps, start + place * step, backward).to(dtype)


def _max_pool1d(
    input: torch.Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """ATen's takes sizes for numbers; that of two dimensions does not."""
    if return_indices:
        return torch.max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
    kernel, step, pad, apart = (_first(n) for n in (kernel_size, stride or kernel_size, padding, dilation))
    result = torch.max_pool2d(input.unsqueeze(-2), (1, kernel), (1, step), (0, pad), (1, apart), ceil_mode)
    return result.squeeze(-2)


def _first(number: Any) -> Any:
    return number[0] if isinstance(number, (tuple, list)) else number


def _take_along_dim(input: torch.Tensor, indices: torch.Tensor, dim: int | None = None) -> torch.Tensor:
    """ATen's takes sizes for numbers."""
    if not any(isinstance(size, torch.SymInt) for size in (*input.shape, *indices.shape)):
        return torch.take_along_dim(input, indices, dim)
    if dim is None:
        return _take_along_dim(input.reshape(-1), indices.reshape(-1), 0)
    dim = dim % input.dim()
    indices = torch.where(indices < 0, indices + input.shape[dim], indices)
    shape = torch.broadcast_shapes(*((*t.shape[:dim], 1, *t.shape[dim + 1 :]) for t in (input, indices)))
    one, other = (t.expand(*shape[:dim], t.shape[dim], *shape[dim + 1 :]) for t in (input, indices))
    return one.gather(dim, other)


def _affine_grid(
    theta: torch.Tensor, size: Sequence[Any], align_corners: bool | None = None
) -> torch.Tensor:
    """As ATen, whose kernel takes sizes for numbers."""
    if not any(isinstance(count, torch.SymInt) for count in size):
        return F.affine_grid(theta, list(size), align_corners)
    batch, _, *counts = size
    for count in size:
        torch._check(count > 0)
    axes = [_coordinates(count, bool(align_corners), theta.dtype) for count in counts]
    grids = [*reversed(torch.meshgrid(*axes, indexing="ij")), torch.ones([*counts], dtype=theta.dtype)]
    points = torch.stack(grids, -1).reshape(1, -1, len(grids)).expand(batch, -1, -1)
    return points.bmm(theta.transpose(1, 2)).reshape(batch, *counts, len(counts))


def _coordinates(count: Any, align_corners: bool, dtype: torch.dtype) -> torch.Tensor:
    """The places of ``count`` pixels between -1 and 1; that of a single one is 0."""
    places = torch.arange(count).to(dtype) * 2
    if not align_corners:
        return (places + 1) / count - 1
    steps = torch.full((), count - 1, dtype=dtype)
    return places / steps.clamp(min=1) - steps.clamp(max=1)


def _combinations(tensor: torch.Tensor, r: int = 2, with_replacement: bool = False) -> torch.Tensor:
    """ATen selects by a mask, whose number of true elements the exporter does not know."""
    grids = torch.meshgrid(*[torch.arange(tensor.shape[0])] * r, indexing="ij")
    mask = torch.ones_like(grids[0], dtype=torch.bool)
    for one, other in itertools.pairwise(grids):
        mask &= (one <= other) if with_replacement else (one < other)
    return tensor[mask.nonzero()]


def _quantile(original: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """As ATen, whose function takes sizes for numbers and looks at the data of ``q`` (2.11)."""
    ignores_nan = original.__name__ == "nanquantile"

    @functools.wraps(original)
    def quantile(
        input: torch.Tensor,
        q: Any,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        interpolation: str = "linear",
        **options: Any,
    ) -> torch.Tensor:
        points = q if isinstance(q, torch.Tensor) else torch.full((), q, dtype=input.dtype)
        fits = input.dtype in (torch.float32, torch.float64) and points.dtype is input.dtype
        right = isinstance(q, torch.Tensor) or (isinstance(q, int | float) and 0 <= q <= 1)
        known = interpolation in _INTERPOLATIONS and points.dim() < 2 and not options
        if not (fits and right and known) or any(isinstance(n, int) and n == 0 for n in input.shape):
            return original(input, q, dim, keepdim, interpolation=interpolation, **options)
        flat = input.reshape(-1) if dim is None or input.dim() == 0 else input.movedim(dim, -1)
        ordered = flat.sort(-1)[0]
        values = _between(ordered, _ranks(ordered, points.reshape(-1), ignores_nan), interpolation)
        if keepdim:
            lasting = [1] * input.dim() if dim is None else list(input.shape)
            if dim is not None and lasting:
                lasting[dim] = 1
            values = values.movedim(-1, 0).reshape(-1, *lasting)
        else:
            values = values.movedim(-1, 0)
        return values if points.dim() else values.squeeze(0)

    return quantile


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _ranks(ordered: torch.Tensor, points: torch.Tensor, ignores_nan: bool) -> torch.Tensor:
    """Where in each row the quantiles are; a NaN, which is sorted last, is all of them unless ignored."""
    missing = ordered.isnan()
    if ignores_nan:
        return (points * ((~missing).sum(-1, keepdim=True) - 1)).clamp(min=0)
    last = torch.full((), ordered.shape[-1] - 1, dtype=ordered.dtype)
    return torch.where(missing.any(-1, keepdim=True), last, points * last)


def _between(ordered: torch.Tensor, ranks: torch.Tensor, interpolation: str) -> torch.Tensor:
    if interpolation in ("lower", "higher", "nearest"):
        rounded = {"lower": torch.floor, "higher": torch.ceil, "nearest": torch.round}[interpolation]
        return ordered.gather(-1, rounded(ranks).long())
    below = ranks.floor()
    weights = torch.full_like(ranks, 0.5) if interpolation == "midpoint" else ranks - below
    one, other = ordered.gather(-1, below.long()), ordered.gather(-1, ranks.ceil().long())
    return one.lerp(other, weights)


def _attention(*args: Any, **kwargs: Any) -> torch.Tensor:
    """Written out where the fused operator's choice of a kernel asks for a size that data decides."""
    try:
        return F.scaled_dot_product_attention(*args, **kwargs)
    except GuardOnDataDependentSymNode:
        result = attention(*args, **kwargs)
        if result is NotImplemented:
            raise
        # in memory as the fused operator leaves it: a program may take views of it that need that
        return result.transpose(1, 2).contiguous().transpose(1, 2) if result.dim() == 4 else result


def _batch_norm(
    input: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> torch.Tensor:
    """ATen's asks first whether the tensor has no elements, which data may decide."""
    if training or running_mean is None or running_var is None:
        return torch.batch_norm(
            input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled
        )
    normalize = torch.ops.aten._native_batch_norm_legit_no_training
    return normalize(input, weight, bias, running_mean, running_var, momentum, eps)[0]


def _functional_batch_norm(
    input: torch.Tensor,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> torch.Tensor:
    if training:
        return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    return _batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, False)


_REPLACEMENTS: dict[Any, Callable[..., Any]] = {
    F.scaled_dot_product_attention: _attention,
    torch.Tensor.__setitem__: _setitem,
    operator.setitem: _setitem,
    torch.Tensor.fill_diagonal_: _fill_diagonal,
    F.one_hot: _one_hot,
    torch.linspace: _linspace,
    torch.batch_norm: _batch_norm,
    F.batch_norm: _functional_batch_norm,
    torch.combinations: _combinations,
    F.affine_grid: _affine_grid,
    **dict.fromkeys((F.max_pool1d, torch.max_pool1d), _max_pool1d),
    torch.take_along_dim: _take_along_dim,
    torch.Tensor.take_along_dim: _take_along_dim,
    **{function: _quantile(function) for function in QUANTILES},
    **{function: recurrent(function) for function in RECURRENT},
    **{PACKED[function]: packed(function) for function in RECURRENT},
    # the exporter takes the result for a constant
    torch.Tensor.data.__get__: torch.Tensor.detach,  # pyright: ignore[reportAttributeAccessIssue]
}

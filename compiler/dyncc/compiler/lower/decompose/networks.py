"""Functions of ``torch.nn``: attention, pooling, recurrent networks, embeddings, activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._decomp.decompositions import gru_impl, lstm_impl

from dyncc.compiler.lower.decompose.registry import DECOMPOSITIONS, decomposes, equal, is_symbolic

aten = torch.ops.aten

# ---------------------------------------------------------------------------------- activations


@decomposes(aten.softmax.int)
def softmax(self: torch.Tensor, dim: int, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Converted before, not after as in the translation."""
    return aten._softmax.default(self if dtype is None else self.to(dtype), dim, False)


@decomposes(aten.log_softmax.int)
def log_softmax(self: torch.Tensor, dim: int, dtype: torch.dtype | None = None) -> torch.Tensor:
    return aten._log_softmax.default(self if dtype is None else self.to(dtype), dim, False)


@decomposes(aten.log_sigmoid.default)
def log_sigmoid(self: torch.Tensor) -> torch.Tensor:
    """The translation takes the logarithm of a sigmoid, which is 0 soon."""
    return self.clamp(max=0) - torch.log1p(torch.exp(-self.abs()))


@decomposes(aten.log_sigmoid_forward.default)
def log_sigmoid_forward(self: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return log_sigmoid(self), self.new_zeros((0,))


@decomposes(aten.rrelu_with_noise.default, aten.rrelu_with_noise_functional.default)
def rrelu(
    self: torch.Tensor,
    noise: torch.Tensor,
    lower: float = 0.125,
    upper: float = 1 / 3,
    training: bool = False,
    generator: Any = None,
) -> Any:
    if training:
        return NotImplemented
    return torch.nn.functional.leaky_relu(self, (lower + upper) / 2), noise


@decomposes(aten.group_norm.default)
def group_norm(
    input: torch.Tensor,
    num_groups: int,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:
    """The translation lets the elements of a group be counted, which of no rows cannot be."""
    batch, channels, *sizes = input.shape
    if not is_symbolic(batch) or any(map(is_symbolic, (channels, *sizes))):
        return NotImplemented
    elements = channels // num_groups * math.prod(sizes)
    result = torch.layer_norm(input.reshape(batch, num_groups, elements), (elements,), eps=eps)
    result = result.reshape(input.shape)
    shape = (1, channels, *[1] * len(sizes))
    if weight is not None:
        result = result * weight.view(shape)
    return result if bias is None else result + bias.view(shape)


@decomposes(aten.cross_entropy_loss.default)
def cross_entropy(
    self: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    reduction: int = 1,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:
    """Of probabilities of the classes, which the operator of ONNX does not take."""
    if not target.is_floating_point():
        return NotImplemented
    axis = 0 if self.dim() == 1 else 1
    classes = self.shape[axis]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    if weight is not None:
        target = target * weight.view([classes if each == axis else 1 for each in range(self.dim())])
    loss = -(torch.log_softmax(self, axis) * target).sum(axis)
    if reduction == 0:
        return loss
    return loss.sum() if reduction == 2 else loss.mean()


# ------------------------------------------------------------------------------------ attention


@decomposes(aten.scaled_dot_product_attention.default)
def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """As PyTorch's, of any rank, and 0 where a mask leaves nothing to attend to."""
    if dropout_p:
        return NotImplemented
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    factor = math.sqrt(1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    scores = (query * factor) @ (key * factor).transpose(-2, -1)
    if is_causal:
        rows = torch.arange(scores.shape[-2]).unsqueeze(1)
        hidden = torch.arange(scores.shape[-1]) > rows
        if attn_mask is not None:  # PyTorch's kernel for the CPU takes both, and hides what either hides
            added = torch.zeros((), dtype=scores.dtype) if attn_mask.dtype is torch.bool else attn_mask
            shown = attn_mask if attn_mask.dtype is torch.bool else attn_mask != -math.inf
            scores, shown = scores + added, shown & ~hidden
            scores = scores.masked_fill(~shown, -math.inf)
            return scores.softmax(-1).masked_fill(~shown.any(-1, keepdim=True), 0.0) @ value
        return scores.masked_fill(hidden, -math.inf).softmax(-1) @ value
    if attn_mask is None:
        return scores.softmax(-1) @ value
    if attn_mask.dtype is torch.bool:
        scores, empty = scores.masked_fill(~attn_mask, -math.inf), ~attn_mask.any(-1, keepdim=True)
    else:
        scores, empty = scores + attn_mask, (attn_mask == -math.inf).all(-1, keepdim=True)
    return scores.softmax(-1).masked_fill(empty, 0.0) @ value


# -------------------------------------------------------------------------------------- pooling


def _windows(size: Any, count: Any) -> list[slice]:
    """The windows of an adaptive pooling of ``size`` elements to ``count``."""
    if isinstance(count, torch.SymInt):
        raise NotImplementedError("adaptive pooling to a size that is not fixed")
    return [slice(i * size // count, -((-(i + 1) * size) // count)) for i in range(count)]


def _adaptive_average(rank: int) -> Callable[..., Any]:
    def decomposed(self: torch.Tensor, output_size: Sequence[Any]) -> Any:
        if all(count == 1 for count in output_size):
            return self.mean(list(range(-rank, 0)), keepdim=True)
        sizes = list(self.shape[-rank:])
        if all(
            isinstance(size, int) and size % count == 0
            for size, count in zip(sizes, output_size, strict=True)
        ):
            if rank < 3:
                return NotImplemented
            window = [size // count for size, count in zip(sizes, output_size, strict=True)]
            return aten.avg_pool3d.default(self, window, window)
        for axis, count in enumerate(output_size, -rank):
            if equal(count, self.shape[axis]):
                continue
            parts = [
                self.movedim(axis, -1)[..., part].mean(-1) for part in _windows(self.shape[axis], count)
            ]
            self = torch.stack(parts, -1).movedim(-1, axis)
        return self

    return decomposed


DECOMPOSITIONS[aten._adaptive_avg_pool2d.default] = _adaptive_average(2)
DECOMPOSITIONS[aten.adaptive_avg_pool2d.default] = _adaptive_average(2)
DECOMPOSITIONS[aten.adaptive_avg_pool1d.default] = _adaptive_average(1)
DECOMPOSITIONS[aten._adaptive_avg_pool3d.default] = _adaptive_average(3)
DECOMPOSITIONS[aten.adaptive_avg_pool3d.default] = _adaptive_average(3)


def _adaptive_maximum(rank: int) -> Callable[..., Any]:
    def decomposed(self: torch.Tensor, output_size: Sequence[Any]) -> Any:
        sizes = self.shape[-rank:]
        grids = [_windows(size, count) for size, count in zip(sizes, output_size, strict=True)]
        values, indices = [], []
        for parts in _product(grids):
            window = self[(..., *parts)]
            flat = window.flatten(-rank)
            values.append(flat.amax(-1))
            indices.append(_place(flat.argmax(-1), window.shape[-rank:], parts, sizes))
        shape = (*self.shape[:-rank], *output_size)
        return torch.stack(values, -1).reshape(shape), torch.stack(indices, -1).reshape(shape)

    return decomposed


def _product(grids: list[list[slice]]) -> list[tuple[slice, ...]]:
    found: list[tuple[slice, ...]] = [()]
    for grid in grids:
        found = [(*parts, part) for parts in found for part in grid]
    return found


def _place(index: torch.Tensor, window: Sequence[Any], parts: Sequence[slice], sizes: Sequence[Any]) -> Any:
    """The place in a whole map of a place in one of its windows."""
    result, rest, step = torch.zeros_like(index), index, 1
    for length, part, size in reversed(list(zip(window, parts, sizes, strict=True))):
        result = result + (torch.remainder(rest, length) + part.start) * step
        rest, step = rest // length, step * size
    return result


DECOMPOSITIONS[aten.adaptive_max_pool2d.default] = _adaptive_maximum(2)
DECOMPOSITIONS[aten.adaptive_max_pool3d.default] = _adaptive_maximum(3)


@decomposes(aten.avg_pool2d.default, aten.avg_pool3d.default)
def average_pool(
    self: torch.Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The translation ignores ``divisor_override``."""
    if divisor_override is None:
        return NotImplemented
    if ceil_mode:
        raise NotImplementedError("average pooling with both `ceil_mode` and `divisor_override`")
    pool = aten.avg_pool2d.default if len(kernel_size) == 2 else aten.avg_pool3d.default
    mean = pool(self, kernel_size, stride, padding, False, True)
    return mean * (math.prod(kernel_size) / divisor_override)


@decomposes(aten.conv_tbc.default)
def conv_tbc(self: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, pad: int = 0) -> torch.Tensor:
    result = torch.conv1d(self.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return result.permute(2, 0, 1)


# ---------------------------------------------------------------------------- recurrent networks


@decomposes(aten.lstm.input)
def lstm(
    input: torch.Tensor,
    hx: Sequence[torch.Tensor],
    params: Sequence[torch.Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Any:
    """ONNX has no projections and ONNX Runtime no float64: unrolled over a fixed length."""
    projected = hx[0].shape[-1] != hx[1].shape[-1]
    if not projected and input.dtype is not torch.float64:
        return NotImplemented
    _check_length(input, batch_first)
    return lstm_impl(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)


@decomposes(aten.gru.input)
def gru(
    input: torch.Tensor,
    hx: torch.Tensor,
    params: Sequence[torch.Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Any:
    if input.dtype is not torch.float64:
        return NotImplemented
    _check_length(input, batch_first)
    return gru_impl(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)


def _check_length(input: torch.Tensor, batch_first: bool) -> None:
    if isinstance(input.shape[1 if batch_first and input.dim() == 3 else 0], torch.SymInt):
        raise NotImplementedError("a recurrent network of this kind over a length that is not fixed")


# ------------------------------------------------------------------------------------ embeddings


@decomposes(aten.embedding_bag.padding_idx)
def embedding_bag_padding(*args: Any) -> Any:
    *rest, padding_idx = args
    return embedding_bag(*rest, -1 if padding_idx is None else padding_idx)


@decomposes(
    aten.embedding_bag.default, aten._embedding_bag.default, aten._embedding_bag_forward_only.default
)
def embedding_bag(
    weight: torch.Tensor,
    indices: torch.Tensor,
    offsets: torch.Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: torch.Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> Any:
    """Sum (0), mean (1) or maximum (2) of the rows of each bag; 0 where it is empty."""
    if padding_idx >= 0:
        raise NotImplementedError("`embedding_bag` with a `padding_idx`")
    starts = offsets[:-1] if include_last_offset else offsets
    place = torch.arange(indices.shape[0])
    bag = (starts.unsqueeze(0) <= place.unsqueeze(1)).sum(1) - 1
    rows = weight[indices]
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    where = bag.unsqueeze(1).expand(-1, weight.shape[1])
    empty = weight.new_zeros((starts.shape[0], weight.shape[1]))
    kind = {0: "sum", 1: "mean", 2: "amax"}[mode]
    result = aten.scatter_reduce.two(empty, 0, where, rows, kind, include_self=False)
    sizes = aten.scatter_add.default(torch.zeros_like(starts), 0, bag, torch.ones_like(bag))
    return torch.where(sizes.unsqueeze(1) > 0, result, 0.0), bag, sizes, sizes

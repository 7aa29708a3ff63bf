"""Normalization in training mode, whose kernels change the running averages without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from dyncc.compiler.specialize.recording import refusals
from dyncc.compiler.specialize.recording.handlers.registry import FUNCTIONS

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def _batch_norm(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with torch._C._EnableTorchFunction(), recorder.recording():
        return _by_batch(*args, **kwargs)


def _by_batch(
    input: torch.Tensor,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """In terms of operators that say what they change (Ioffe and Szegedy 2015, algorithm 1)."""
    if not training:
        return NotImplemented
    axes = [axis for axis in range(input.dim()) if axis != 1]
    count = input.numel() // input.shape[1]
    if count <= 1:  # (a decision where the size is free, which is refused)
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.shape}"
        )
    mean, variance = input.mean(axes), input.var(axes, unbiased=False)
    if running_mean is not None and running_var is not None:
        running_mean.mul_(1 - momentum).add_(mean * momentum)
        running_var.mul_(1 - momentum).add_(variance * (momentum * count / (count - 1)))
    shape = [-1 if axis == 1 else 1 for axis in range(input.dim())]
    result = (input - mean.view(shape)) / (variance + eps).sqrt().view(shape)
    if weight is not None:
        result = result * weight.view(shape)
    return result if bias is None else result + bias.view(shape)


def _instance_norm(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    names = ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats")
    bound = {**dict(zip(names, args, strict=False)), **kwargs}
    if bound.get("running_mean") is not None and bound.get("use_input_stats", True):
        raise refusals.failure(func, "it changes running averages", recorder.block.span)
    return NotImplemented


FUNCTIONS[F.batch_norm] = _batch_norm
FUNCTIONS[F.instance_norm] = _instance_norm

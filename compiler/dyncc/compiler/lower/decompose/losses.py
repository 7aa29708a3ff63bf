"""Loss functions, whose translations differ from PyTorch on no elements and on vectors of zeros."""

from __future__ import annotations

from typing import Any

import torch

from dyncc.compiler.lower.decompose.registry import decomposes

aten = torch.ops.aten
_MEAN, _SUM = 1, 2
_EPSILON = 1e-12


def _reduced(loss: torch.Tensor, reduction: int) -> Any:
    if reduction == _MEAN:
        return loss.mean()
    return loss.sum() if reduction == _SUM else loss


@decomposes(aten.mse_loss.default)
def mse_loss(self: torch.Tensor, target: torch.Tensor, reduction: int = _MEAN) -> Any:
    apart = self - target
    return _reduced(apart * apart, reduction)


@decomposes(aten.cosine_embedding_loss.default)
def cosine_embedding_loss(
    input1: torch.Tensor,
    input2: torch.Tensor,
    target: torch.Tensor,
    margin: float = 0.0,
    reduction: int = _MEAN,
) -> Any:
    """As ATen, which adds a little to the squared lengths."""
    axis = target.dim()
    lengths = [(vector * vector).sum(axis) + _EPSILON for vector in (input1, input2)]
    likeness = (input1 * input2).sum(axis) / (lengths[0] * lengths[1]).sqrt()
    none = torch.zeros_like(likeness)
    alike = torch.where(target == 1, 1 - likeness, none)
    unlike = torch.where(target == -1, (likeness - margin).clamp(min=0), none)
    return _reduced(alike + unlike, reduction)

"""Operators that check sizes which data decide: ``as_size`` and ``holds``.

``as_size``: a tensor whose size data decide, where PyTorch takes for granted that it is a certain one.

``x + torch.ones(n)`` with four elements in ``x`` is right for an ``n`` of four and raises for any other. A
recorded call must not assume the size without a word: the call is made on ``as_size(ones, (4,))``, which
raises as well, in PyTorch and in the engine (a Reshape or Expand to that size). Of a tensor with two such
sizes it could not tell 2 by 3 from 3 by 2: that is refused when it is recorded.

``holds``: a tensor, if two sizes are in a relation; it raises otherwise.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import torch
from torch._subclasses.fake_tensor import FakeTensor


def as_size(tensor: torch.Tensor, sizes: Sequence[int], spreads: bool) -> torch.Tensor:
    """``tensor``, whose shape must be ``sizes``; with ``spreads`` a size of one becomes what is wanted.

    Raises RuntimeError, as the call does that needs it so.
    """
    if isinstance(tensor, FakeTensor):
        exporting = torch.compiler.is_exporting()
        return torch.ops.dyncc.as_size(tensor, list(sizes), spreads) if exporting else _fake(tensor, sizes)
    if spreads:
        return tensor.expand(tuple(sizes)).clone()
    if tuple(tensor.shape) != tuple(sizes):
        raise RuntimeError(f"a tensor of size {list(tensor.shape)} is used as one of size {list(sizes)}")
    return tensor.clone()


def _fake(tensor: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    return tensor.new_empty(tuple(sizes))


_exported = torch.library.custom_op("dyncc::as_size", as_size, mutates_args=())
_exported.register_fake(lambda tensor, sizes, spreads: _fake(tensor, sizes))


def holds(
    tensor: torch.Tensor,
    relations: Sequence[str],
    tensors: Sequence[torch.Tensor | None],
    numbers: Sequence[int],
) -> torch.Tensor:
    """``tensor``, where one of the ``relations`` (``eq``, ``ne``, ``lt``, ``le``) holds of its two numbers.

    Two entries of ``tensors`` and ``numbers`` belong to each: the size of a tensor at an axis, or without a
    tensor the number itself. Raises RuntimeError.
    """
    if isinstance(tensor, FakeTensor):
        exporting = torch.compiler.is_exporting()
        if not exporting:
            return tensor.clone()
        return torch.ops.dyncc.holds(tensor, list(relations), list(tensors), list(numbers))
    sizes = [n if t is None else t.shape[n] for t, n in zip(tensors, numbers, strict=True)]
    pairs = [*zip(relations, sizes[::2], sizes[1::2], strict=True)]
    if not any(getattr(operator, relation)(left, right) for relation, left, right in pairs):
        raise RuntimeError(f"sizes do not fit: none of {pairs} holds")
    return tensor.clone()


_HOLDS = "(Tensor tensor, str[] relations, Tensor?[] tensors, SymInt[] numbers) -> Tensor"
torch.library.custom_op("dyncc::holds", holds, mutates_args=(), schema=_HOLDS).register_fake(
    lambda tensor, *_: tensor.clone()
)

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
    relation: str,
    left: torch.Tensor | None,
    left_number: int,
    right: torch.Tensor | None,
    right_number: int,
) -> torch.Tensor:
    """``tensor``, where two numbers are as ``relation`` (``eq``, ``ne``, ``lt``, ``le``) says.

    A number is the size of a tensor at the axis ``…_number``, or without a tensor that itself. Raises
    RuntimeError.
    """
    one = left_number if left is None else left.shape[left_number]
    other = right_number if right is None else right.shape[right_number]
    if not getattr(operator, relation)(one, other):
        raise RuntimeError(f"sizes do not fit: {one} and {other} are not in the relation {relation}")
    return tensor.clone()


torch.library.custom_op("dyncc::holds", holds, mutates_args=()).register_fake(
    lambda tensor, *_: tensor.clone()
)

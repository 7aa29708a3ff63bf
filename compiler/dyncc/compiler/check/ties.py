"""Near ties: decisions whose value lies within rounding of its threshold.

There is no telling from a truth how near it was; but where a tiny change of the arguments changes it, two
machines may differ on it as well.
"""

from __future__ import annotations

from typing import TypeVar

import torch

from dyncc.compiler.check.variations import map_tensors

T = TypeVar("T")

NUDGES = (1 + 1e-5, 1 - 1e-5, 1 + 1e-6, 1 - 1e-6)
"""How far :func:`nudged` goes, and to which side."""


def nudges(most: float) -> tuple[float, ...]:
    """The same for a precision that moves numbers by as much as ``most``, relatively."""
    return tuple(1 + sign * share * most for share in (1, 0.1) for sign in (1, -1))


def nudged(tree: T, factor: float) -> T:
    """``tree`` with every floating-point tensor scaled by ``factor`` and moved by as much.

    Scaling alone leaves the sign of a sum; so each element is also moved, by its own share of
    ``factor - 1`` times the largest element.
    """
    generator = torch.Generator().manual_seed(0)

    def moved(leaf: object) -> object:
        if not (isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and leaf.numel()):
            return leaf
        share = torch.rand(leaf.shape, generator=generator) * (factor - 1)
        finite = leaf.detach().abs().nan_to_num(0.0, 0.0, 0.0)
        return leaf * factor + share.to(leaf) * finite.max()

    return map_tensors(moved, tree)

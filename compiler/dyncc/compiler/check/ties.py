"""Near ties: decisions whose value lies within rounding of its threshold.

There is no telling from a truth how near it was; but where a tiny change of the arguments changes it, two
machines may differ on it as well.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch.utils import _pytree as pytree

T = TypeVar("T")

NUDGES = (1 + 1e-5, 1 - 1e-5, 1 + 1e-6, 1 - 1e-6)
"""Factors on the floating-point arguments."""


def nudged(tree: T, factor: float) -> T:
    """``tree`` with every floating-point tensor scaled by ``factor``."""

    def scaled(leaf: object) -> object:
        return leaf * factor if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() else leaf

    return pytree.tree_map(scaled, tree)

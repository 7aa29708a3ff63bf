"""Small numbers that programs add so as not to divide by zero stay in the graphs.

Optimizers compare constants with a tolerance: of ``x + 1e-9`` they make ``x``.
"""

from __future__ import annotations

import pytest
import torch
from tests.lower.harness import check

SMALL = (1e-6, 1e-8, 1e-9, 1e-12, 1e-20)
OPERANDS = (torch.zeros(2, 3), torch.full((2, 3), -1.0), torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]))


def _stabilized(x: torch.Tensor, little: float) -> tuple[torch.Tensor, ...]:
    length = x.norm(dim=1, keepdim=True)
    return (
        x / (length + little),
        torch.log(x.abs() + little),
        1 / (length - little),
        (little - x) * 1e10,
        x / length.clamp(min=little),
        ((x * x).sum(1) + little).rsqrt(),
        1 / (little + torch.relu(x)),
        torch.nn.functional.cosine_embedding_loss(x, x + 1, torch.ones(2)),
    )


def _all(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(found for little in SMALL for found in _stabilized(x, little))


@pytest.mark.parametrize("x", OPERANDS, ids=["zeros", "negative", "mixed"])
def test_small_numbers_stay(x: torch.Tensor) -> None:
    check(_all, x, rtol=1e-3, atol=1e-4)


def test_factors_near_one_stay_in_double_precision() -> None:
    check(lambda x: x * (1 + 1e-7) - x, torch.tensor([1.0, 2.0], dtype=torch.float64), rtol=1e-6, atol=0)

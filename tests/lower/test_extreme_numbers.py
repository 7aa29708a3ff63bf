"""Very small and very large numbers: what programs add so as not to divide by zero, and probabilities.

Optimizers compare constants with a tolerance: of ``x + 1e-9`` they make ``x``. The sigmoid of ONNX Runtime
is 0 where that of PyTorch is 1e-9.
"""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
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
        F.cosine_embedding_loss(x, x + 1, torch.ones(2)),
    )


def _all(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(found for little in SMALL for found in _stabilized(x, little))


@pytest.mark.parametrize("x", OPERANDS, ids=["zeros", "negative", "mixed"])
def test_small_numbers_stay(x: torch.Tensor) -> None:
    check(_all, x, rtol=1e-3, atol=1e-4)


def test_factors_near_one_stay_in_double_precision() -> None:
    check(lambda x: x * (1 + 1e-7) - x, torch.tensor([1.0, 2.0], dtype=torch.float64), rtol=1e-6, atol=0)


TARGETS = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])


def _of_probabilities(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    p = x.sigmoid()
    return (
        p.log(),
        (p + 1e-12).log(),
        (1 - p).clamp(min=1e-12).log(),
        1e-9 / p.clamp(min=1e-30),
        p / p.sum(),
        p.rsqrt(),
        torch.logit(p),
        torch.cumprod(1 - p, 0).log(),
        F.logsigmoid(x),
        F.binary_cross_entropy(p, TARGETS, reduction="none"),
        F.binary_cross_entropy_with_logits(x, TARGETS, reduction="none"),
        F.glu(torch.stack([x, x])).log(),
        F.silu(x),
    )


@pytest.mark.parametrize("start", [-80.0, -40.0, -16.0, -3.0])
def test_logarithms_of_probabilities(start: float) -> None:
    check(_of_probabilities, torch.linspace(start, 12.0, 6), rtol=1e-3, atol=1e-4)


def _of_softmax(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    p = x.softmax(-1)
    return (
        p.log(),
        -(p * p.log()).sum(-1),
        1e-30 / p,
        torch.log(x.softmax(0)),
        (p + 1e-12).log2(),
        F.softmin(x, dim=-1).log(),
        F.softmax(x, dim=0),
    )


@pytest.mark.parametrize("span", [2.0, 60.0, 95.0])
def test_logarithms_of_a_softmax(span: float) -> None:
    check(_of_softmax, torch.linspace(0.0, span, 8).reshape(2, 4), rtol=1e-3, atol=1e-4)


def _of_tails(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return torch.erfc(x), torch.erfc(x).log(), 1 / torch.erfc(x * 0.5)


def test_tails_of_the_error_function() -> None:
    numbers = [-math.inf, -6.0, -1.0, -0.0, 0.3, 1.0, 1.01, 2.0, 4.0, 6.0, 9.0, math.nan]
    check(_of_tails, torch.tensor(numbers), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_neighbours(dtype: torch.dtype) -> None:
    tiny, most = torch.finfo(dtype).tiny, torch.finfo(dtype).max
    inf, nan = math.inf, math.nan
    numbers = [
        0.0,
        1.0,
        1.5,
        2.0,
        1e-3,
        1e30,
        tiny,
        tiny * 1.5,
        tiny * 2,
        tiny / 4,
        most,
        most / 3,
        inf,
        nan,
    ]
    drawn = torch.randn(200, dtype=dtype, generator=torch.Generator().manual_seed(0))
    x = torch.cat([torch.tensor(numbers, dtype=dtype), -torch.tensor(numbers, dtype=dtype), drawn])
    for towards in (x + 1, x - 1, x, -x, torch.full_like(x, inf), torch.full_like(x, -inf), x * nan):
        check(torch.nextafter, x, towards, rtol=0, atol=0)


def test_infinities_in_double_precision() -> None:
    def all_of(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.isinf(x), torch.isfinite(x), torch.isnan(x), torch.isposinf(x), torch.isneginf(x)

    numbers = [1e300, -1e300, math.inf, -math.inf, math.nan, 1.0]
    check(all_of, torch.tensor(numbers, dtype=torch.float64), rtol=0, atol=0)
    check(torch.nan_to_num, torch.tensor(numbers, dtype=torch.float64), rtol=0, atol=0)


def test_angles() -> None:
    numbers = torch.tensor([0.0, -0.0, 1.0, -1.0, 2.5, -3.0, math.inf, -math.inf, math.nan, 1e-30])
    check(torch.atan2, numbers[:, None], numbers[None], rtol=1e-5, atol=1e-6)
    check(torch.atan2, torch.tensor([0, 1, -1, 2]), torch.tensor([-1, -1, 0, 3]), rtol=1e-5, atol=1e-6)


def _of_large_numbers(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return (
        torch.logaddexp(x, -x),
        torch.logaddexp2(x, x / 2),
        x.clamp_min(0),
        torch.clamp_max(x, 0.0),
        x.clamp(-1, 1),
        x.clamp(-2, 2) + x.clamp(0, 1),
        F.normalize(x, dim=0),
        torch.median(x),
        torch.logit(x, eps=1e-6),
        torch.relu(x),
    )


@pytest.mark.parametrize("first", [-math.inf, math.inf, math.nan, 1e15, -200.0, 0.5])
def test_large_numbers(first: float) -> None:
    check(_of_large_numbers, torch.tensor([first, 1.0, 2.0, 0.25]), rtol=1e-3, atol=1e-4)


SPREAD = (
    [-100.0, 0.0, 100.0, -200.0, 300.0, -300.0],
    [-math.inf, 0.0, math.inf, 1.0, -math.inf, 2.0],
    [-math.inf, -math.inf, 0.0, 1.0, 88.0, 120.0],
    [1.0, 2.0, math.nan, 3.0, math.inf, 4.0],
)


@pytest.mark.parametrize("values", SPREAD, ids=["spread", "infinite", "nothing first", "nan"])
def test_cumulative_sums_of_exponentials(values: list[float]) -> None:
    x = torch.tensor(values)
    check(lambda x: (x.logcumsumexp(0), x.view(2, 3).logcumsumexp(1), x[0].logcumsumexp(0)), x)

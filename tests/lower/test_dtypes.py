"""Operators on every dtype: the same values and dtypes as PyTorch, whole numbers exactly.

ONNX Runtime has no kernel for many of these pairs; such nodes run on a wider dtype (``lower/kernels.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.lower.harness import check

DTYPES = (
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.float64),
)
SMALL = (torch.uint8, torch.int8, torch.int16)

Operator = Callable[[torch.Tensor], Any]

SOME: dict[str, Operator] = {
    "order": lambda x: (*x.max(1), *x.min(1), x.amax(0), x.sort(1).values),
    "extremes": lambda x: (x.max(), x.min(), *torch.aminmax(x)),
    "places": lambda x: (*x.cummax(1), x.nonzero(), x.count_nonzero()),
    "sums": lambda x: (x.sum(), x.sum(1), x.cumsum(1), x.prod(1), x.cumprod(0)),
    "quantifiers": lambda x: (x.all(), x.all(1), x.any(), x.any(1), torch.isnan(x), x > 2),
    "numbers": lambda x: (x + 1, x * 3, x + 1.5, x * 0.5, x / 3, 3 + x),
    "powers": lambda x: (x**2, x**3, torch.square(x)),
    "choices": lambda x: (torch.where(x > 1, x, x * 0), x.masked_fill(x > 1, 1), x[x > 1], x.unique()),
    "layout": lambda x: (x.flip(0), x.roll(1, 1), x.tril(), x.diagonal(), F.pad(x, (1, 1), value=1)),
    "scatter": lambda x: (
        torch.zeros_like(x).scatter(1, torch.tensor([[0], [1], [2], [3]]), x),
        torch.cat([x, x.float()]),
        x.repeat_interleave(2, 1),
        torch.full_like(x, 1),
    ),
    "casts": lambda x: (x.to(torch.int32) + 0, x.to(torch.float32) + 0, x.bool() | False),
}
OF_NUMBERS: dict[str, Operator] = {
    "clamp": lambda x: (x.clamp(1, 5), x.clamp(min=2), torch.relu(x), x - 3, 3 - x),
    "remainders": lambda x: (x // 3, x % 3, x * 2 % 7, torch.fmod(x, 3)),
    "best": lambda x: (x.argmax(1), x.argmin(0), x.topk(2, 1).values),
    "sign": lambda x: (x.abs(), x.sign(), torch.maximum(x, x.flip(0))),
    "added": lambda x: (
        torch.zeros_like(x).scatter_add(1, torch.tensor([[0, 0], [1, 1], [2, 2], [3, 3]]), x),
        x.index_add(0, torch.tensor([1, 1]), x[:2]),
    ),
}
QUICK = {("order", torch.bool), ("powers", torch.int64), ("added", torch.float16), ("layout", torch.uint8)}
QUICK |= {("quantifiers", torch.uint8), ("choices", torch.int16), ("sign", torch.float16)}


def _data(dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    if dtype is torch.bool:
        return torch.rand(4, 6, generator=generator) > 0.5
    if dtype.is_floating_point:
        return (torch.randn(4, 6, generator=generator) * 3).to(dtype)
    whole = torch.randint(0 if dtype is torch.uint8 else -9, 10, (4, 6), generator=generator)
    return whole.to(dtype)


def _cases(operators: dict[str, Operator], dtypes: tuple[torch.dtype, ...]) -> list[Any]:
    return [
        pytest.param(
            operators[name],
            dtype,
            marks=() if (name, dtype) in QUICK else pytest.mark.slow,
            id=f"{name}-{dtype}".replace("torch.", ""),
        )
        for name in operators
        for dtype in dtypes
    ]


@pytest.mark.parametrize(("operator", "dtype"), _cases(SOME, DTYPES) + _cases(OF_NUMBERS, DTYPES[1:]))
def test_an_operator_on_a_dtype(operator: Operator, dtype: torch.dtype) -> None:
    close = {"rtol": 1e-2, "atol": 1e-2} if dtype is torch.float16 else {"rtol": 1e-6, "atol": 0.0}
    check(operator, _data(dtype), **close)


HUGE = torch.arange(2**54, 2**54 + 5)
THREES = torch.full((39,), 3)


@pytest.mark.parametrize(
    ("operator", "x"),
    [
        pytest.param(lambda x: (x.prod(0), x.cumprod(0), x.view(3, 13).prod(1)), THREES, id="products"),
        pytest.param(lambda x: x ** torch.arange(39), THREES, id="powers"),
        pytest.param(lambda x: (3**x, x**7, 2 ** (x - 3)), torch.arange(39), id="powers of numbers"),
        pytest.param(lambda x: (x - 2) ** -(x - 1), torch.arange(1, 6), id="negative powers"),
        pytest.param(lambda x: (x // 3, x % 7, x >> 3, x ^ 12345, x.fmod(7)), HUGE, id="remainders"),
        pytest.param(lambda x: (x.max(), x.median(), x.topk(2).values, x.unique()), HUGE, id="order"),
    ],
)
def test_whole_numbers_are_exact(operator: Operator, x: torch.Tensor) -> None:
    check(operator, x, rtol=0, atol=0)


def test_powers_and_products_wrap_as_in_pytorch() -> None:
    x = torch.tensor([3, -7, 2**31, 5], dtype=torch.int64)
    check(lambda x: (x**41, x.prod(), x.cumprod(0), x ** torch.tensor([70, 63, 2, 41])), x, rtol=0, atol=0)
    check(lambda x: (x**3, x * 2), torch.tensor([100, -128, 7], dtype=torch.int8), rtol=0, atol=0)


def test_shifts_are_in_the_dtype_of_the_result() -> None:
    narrow = torch.tensor([255, 3, 128], dtype=torch.uint8)
    by = torch.tensor([1, 2, 3], dtype=torch.int64)
    check(lambda x, y: (x << y, x >> y, torch.bitwise_left_shift(x, y.to(torch.int16))), narrow, by)
    check(lambda x, y: (x >> y, x << y), narrow, torch.tensor([7, 1, 7], dtype=torch.uint8))
    wide = torch.tensor([2**54 + 1, -(2**40) - 3, 5, -1, 7, -7])
    by = torch.tensor([3, 20, 62, 63, 0, 1])
    check(lambda x, y: (x << y, x >> y, x >> 3, x << 2), wide, by, rtol=0, atol=0)

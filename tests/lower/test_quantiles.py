"""Quantiles as they are written out are PyTorch's, to the bit, and raise what PyTorch raises."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch

from dyncc.compiler.lower.replace import replacement

_DRAWN = torch.Generator().manual_seed(0)
_SOME, _ONE = torch.randn(3, 5, generator=_DRAWN), torch.tensor(1.5)
_HOLED = _SOME.masked_fill(_SOME > 1, float("nan"))
_POINTS = (0.0, 0.3, 1, torch.tensor(0.25), torch.tensor([0.9, 0.1, 1.0]), torch.tensor([]))


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("function", [torch.quantile, torch.nanquantile])
def test_quantiles(function: Callable[..., torch.Tensor], interpolation: str) -> None:
    for x, q, dim, keepdim in product((_SOME, _HOLED, _ONE), _POINTS, (None, 0, -1), (False, True)):
        expected = function(x, q, dim, keepdim, interpolation=interpolation)
        found = replacement(function)(x, q, dim, keepdim, interpolation=interpolation)
        torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    "arguments", [(torch.zeros(0), 0.5), (_SOME, 1.5), (_SOME.long(), 0.5), (_SOME, 0.5, 2)]
)
def test_what_they_refuse(arguments: tuple[Any, ...]) -> None:
    errors = []
    for function in (torch.quantile, replacement(torch.quantile)):
        with pytest.raises((RuntimeError, IndexError)) as caught:
            function(*arguments)
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]

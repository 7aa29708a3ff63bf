"""The mean and the spread of nothing are nan, also where it is known while compiling to be nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dyncc.compiler import compile

REDUCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda x: x.mean(),
    "mean of rows": lambda x: x.mean(0),
    "mean, kept": lambda x: x.mean(0, keepdim=True),
    "variance": lambda x: x.var(0),
    "deviation": lambda x: x.std(),
    "sum": lambda x: x.sum(0),
    "product": lambda x: x.prod(),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_of_nothing_and_of_one(name: str, tmp_path: Path) -> None:
    reduce = REDUCTIONS[name]

    def both(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return reduce(x[:0]), reduce(x[:1, :1])

    x = torch.arange(6.0).reshape(2, 3) + 1
    net = compile(both, (x,), output=tmp_path / "n.dyncc", report=False)
    torch.testing.assert_close(net(x), both(x), equal_nan=True)

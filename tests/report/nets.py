"""Small dynamic networks whose costs and ways are known."""

from __future__ import annotations

import torch
from torch import nn


class Exits(nn.Module):
    """Two early exits, at which one of two numbers of the input decides."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(4, 8)
        self.second = nn.Linear(4, 16)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        if x[0, 0] > 0:
            return self.first(x), 0
        if x[0, 1] > 0:
            return self.second(x), 1
        return x, 2


class Halving(nn.Module):
    """Turns in a loop until a value is small."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        while x.abs().max() > 1:
            x = x / 2 + 0 * self.mix(x)
        return x


class Router(nn.Module):
    """One of three experts, each twice as large as the one before it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.experts = nn.ModuleList(nn.Linear(4, 4 * 2**n) for n in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.isnan().any():
            raise ValueError("not a number")
        return self.experts[int(x.argmax())](x)

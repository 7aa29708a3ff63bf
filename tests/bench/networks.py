"""Tiny networks with several paths, and their bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from dyncc.compiler import compile


class EarlyExit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)

    def forward(self, x):
        h = torch.relu(self.first(x))
        if x.sum() > 0:
            return h
        return self.second(h)


class Collects(nn.Module):
    """Stacks a list whose length depends on data."""

    def forward(self, x):
        rows = []
        while x.sum() < 8:
            x = x * 2
            rows.append(x)
        return torch.stack(rows, 1), torch.cat(rows)


class Counts(nn.Module):
    """Gives back an array that the host makes of numbers."""

    def forward(self, x):
        steps = []
        while x.sum() < 8:
            x = x * 2
            steps.append(int(x.sum().item()))
        return torch.tensor(steps, dtype=torch.int64), x


class Remembers(nn.Module):
    """Keeps state between calls."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))

    def forward(self, x):
        self.total = self.total + x
        if self.total.sum() > 3:
            return self.total * 2
        return self.total


class Tokens(nn.Module):
    """Reads a number, computes on with it, and returns another one."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.table = nn.Linear(4, 5), nn.Embedding(5, 4)

    def forward(self, x):
        token = int(self.first(x).argmax())
        y = self.first(x + self.table(torch.tensor([token])))
        return y, int(y.argmax())


def bundle(model: Any, example: torch.Tensor, folder: Path) -> Path:
    """The bundle of ``model``."""
    path = folder / "net.dyncc"
    compile(model, (example,), output=path, threads=1)
    return path

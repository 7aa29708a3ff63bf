"""Entry points of packages that are not installed, and a small network."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

PLUGINS = {
    ("dyncc.engines", "toy"): "tests.engines.toy:ToyEngine",
    ("dyncc.compilers", "toy"): "tests.engines.toy:ToyCompiler",
    ("dyncc.engines", "lying"): "tests.engines.toy:ToyEngine",
    ("dyncc.compilers", "lying"): "tests.engines.toy:LyingCompiler",
    ("dyncc.engines", "broken"): "tests.engines.nowhere:Engine",
    ("dyncc.compilers", "broken"): "tests.engines.nowhere:Compiler",
}


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a package had brought the engines of :mod:`tests.engines.toy`."""
    real: Callable[..., Any] = importlib.metadata.entry_points

    def entry_points(*, group: str, name: str | None = None) -> Any:
        mine = [
            importlib.metadata.EntryPoint(known, value, of)
            for (of, known), value in PLUGINS.items()
            if of == group and name in (None, known)
        ]
        return [*real(group=group, **({"name": name} if name else {})), *mine]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)


class Gated(nn.Module):
    """One side has a ReLU, the other a Tanh."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.left, self.right = nn.Linear(4, 16), nn.Linear(16, 3), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.stem(x))
        if h.sum() > 1:
            return self.left(h)
        return torch.tanh(self.right(h))


X = torch.linspace(-1.0, 1.0, 8).reshape(2, 4)

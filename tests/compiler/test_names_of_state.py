"""Cells of the state are called as the attributes of the user are, whatever these are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from dyncc.compiler.specialize import Method, specialize_methods

NAMES = ["frame", "heap", "cell", "tag", "item", "input", "state", "index"]


class Counting(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        setattr(self, name, 0)

    def forward(self, x: torch.Tensor) -> Any:
        setattr(self, self.name, getattr(self, self.name) + int(x.sum() > 0))
        return getattr(self, self.name)


@pytest.mark.parametrize("name", NAMES)
def test_a_number(name: str) -> None:
    model = Counting(name)
    recorded = specialize_methods([Method("forward", model.forward, (torch.ones(2),), {}, None)], "Net")
    cells = [cell for state in recorded.program.states for cell in state.cells]
    assert {(cell.name, cell.path) for cell in cells} == {(name, f"self.{name}")}


class Generating(nn.Module):
    """A generator is halfway where a block begins."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        frame = x.sum().item()
        steps = scaled(frame)
        total = next(steps)
        if total > 0:
            total = total + next(steps)
        return x * (total + frame)


def scaled(number: float) -> Iterator[float]:
    for factor in (1, 2, 3):
        yield number * factor


def test_a_variable_of_a_generator() -> None:
    method = Method("forward", Generating().forward, (torch.ones(2),), {}, None)
    blocks = specialize_methods([method], "Net").program.blocks
    assert {param.name for block in blocks.values() for param in block.params} == {"x", "frame", "total"}

"""Variables that inner functions captured: part of a state as long as somebody may read them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dyncc.compiler import compile


def per_layer(x: torch.Tensor) -> Any:
    """What a layer gave is captured, and dead when the next begins: states of one do not multiply those of
    another."""
    found = []
    for layer in range(3):
        used, loads = set(), []
        for part in range(3):
            if x[part] > layer / 8:
                used.add(part)
                x = x * 0.9
            loads.append(x[part] * layer)
        best = max(range(3), key=lambda i: loads[i])
        found.append((len(used), best))
    return found, x


def read_later(x: torch.Tensor) -> Any:
    """The function outlives the branch, and sees what the variable is when it is called."""
    scale = 2.0
    grow = lambda: x * scale  # noqa: E731  # (what people write)
    if x.sum() > 0:
        scale = 3.0
    first = grow()
    if first.max() > 1:
        scale = 0.5
    return first, grow()


def of_one_cell(x: torch.Tensor) -> Any:
    """Functions of one variable, made at each turn, see its last value."""
    made = []
    for i in range(3):
        made.append(lambda: x * i)  # noqa: B023  # (that is what it is about)
        if x.sum() > 0:
            x = x - 0.5
    return [f() for f in made]


def rebound(x: torch.Tensor) -> Any:
    """Inner functions that assign, and are not called again."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    while x.sum() > 0:
        step()
        x = x - 0.75
    total = count
    count = 100
    return x, total


def held_by_c(x: torch.Tensor) -> Any:
    """An object of C is all that holds the function."""
    sign = 1

    def order(a: int, b: int) -> int:
        return sign * (a - b)

    key = functools.cmp_to_key(order)
    del order
    if x.sum() > 0:
        sign = -1
    return sorted([2, 3, 1], key=key), x


def of_a_generator(x: torch.Tensor) -> Any:
    bound = 1.0

    def parts() -> Any:
        for value in x:
            if value > bound:
                yield value * bound

    found = []
    for value in parts():
        bound = 0.5
        found.append(value)
    return found, len(found)


FUNCTIONS = [per_layer, read_later, of_one_cell, rebound, held_by_c, of_a_generator]


class Net(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


class Hooked(nn.Module):
    """All that refers to the inner function is a hook of a module."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> Any:
        scale = 2.0

        def hook(module: nn.Module, args: Any, out: torch.Tensor) -> torch.Tensor:
            return out * scale

        handle = self.layer.register_forward_hook(hook)
        if x.sum() > 0:
            x = x + 1
        y = self.layer(x)
        handle.remove()
        return y


def test_a_hook_refers_to_them(tmp_path: Path) -> None:
    network = Hooked()
    net = compile(network, (torch.ones(3),), output=tmp_path / "n")
    for x in (torch.ones(3), -torch.ones(3)):
        torch.testing.assert_close(net(x), network(x))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_captured_variables(function: Callable[[torch.Tensor], Any], tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(5)
    inputs = [torch.randn(3, generator=generator) + shift for shift in (0.0, 1.0, -1.0) for _ in range(5)]
    examples = [((x,), {}) for x in inputs]
    net = compile(Net(function), (inputs[0],), examples=examples, output=tmp_path / "n")
    for x in inputs:
        torch.testing.assert_close(net(x), function(x))

"""Lists of tuples that grow at run time: looked through, compared, gone through backwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dyncc.compiler import compile


def grown(x: torch.Tensor) -> list[tuple[int, int]]:
    out = []
    for index in range(int(x.abs().max())):
        out.append((index, int(x[index % 4] > 0)))
    return out


def place(x: torch.Tensor) -> int:
    try:
        return grown(x).index((1, 0))
    except ValueError:
        return -1


def removed(x: torch.Tensor) -> Any:
    found = grown(x)
    if (1, 1) in found:
        found.remove((1, 1))
    return len(found), sum(index for index, _ in found)


def backwards(x: torch.Tensor) -> int:
    total = 0
    for _, bit in reversed(grown(x)):
        total = total * 2 + bit
    return total


def copied(x: torch.Tensor) -> Any:
    found = grown(x)
    other = found.copy()
    other.append((7, 7))
    return len(found), len(other)


FUNCTIONS: dict[str, Callable[[torch.Tensor], Any]] = {
    "in": lambda x: ((1, 1) in grown(x), grown(x).count((0, 1))),
    "in, a read key": lambda x: (int(x[0]), 1) in grown(x),
    "index": place,
    "remove": removed,
    "reversed": backwards,
    "copy": copied,
    "equal": lambda x: grown(x) == grown(x * 2),
    "equal to a known one": lambda x: grown(x) == [(0, 1), (1, 1)],
    "unequal": lambda x: grown(x) != [(0, 1)],
    "behind a known one": lambda x: len([(9, 9)] + grown(x)),  # noqa: RUF005
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_they_are_those_of_eager(name: str, tmp_path: Path) -> None:
    values = ([1.0, 2, 1, -1], [-1.0, -2, -3, -4], [1.0, 0, -3, -4], [1.0, 1, 1, -1], [0.0, 0, 0, 0])
    xs = [torch.tensor(each) for each in values]
    net = compile(FUNCTIONS[name], (xs[0],), output=tmp_path / "net.dyncc")
    for x in xs:
        assert net(x) == FUNCTIONS[name](x)

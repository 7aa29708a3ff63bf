"""What the methods of lists raise that grow at run time, where the program handles it and where not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dyncc.compiler import compile


def grown(x: torch.Tensor) -> list[int]:
    out = []
    for index in range(int(x.abs().max())):
        out.append(index * 2)
    return out


def rows(x: torch.Tensor) -> list[torch.Tensor]:
    out = []
    for index in range(int(x.abs().max())):
        out.append(x[index % 4] * 2)
    return out


def caught(make: Any, *changes: Callable[[Any, torch.Tensor], Any]) -> Callable[[torch.Tensor], Any]:
    def function(x: torch.Tensor) -> Any:
        items, found = make(x), x[0]
        for change in changes:
            try:
                found = found + change(items, x)
            except (IndexError, ValueError) as error:
                found = found - (2 if isinstance(error, IndexError) else 3)
        return found, len(items)

    return function


def deleted(make: Any) -> Callable[[torch.Tensor], Any]:
    def function(x: torch.Tensor) -> Any:
        items = make(x)
        try:
            del items[int(x[1])]
        except IndexError as error:
            return str(error)
        return sum(items)

    return function


FUNCTIONS: dict[str, Callable[[torch.Tensor], Any]] = {
    "pop": caught(grown, lambda items, x: items.pop()),
    "pop at a place": caught(grown, lambda items, x: items.pop(1)),
    "pop at a read place": caught(grown, lambda items, x: items.pop(int(x[1]))),
    "pop twice": caught(grown, lambda items, x: items.pop(0) + items.pop()),
    "pop tensors": caught(rows, lambda items, x: items.pop(0) - items.pop()),
    "pop a tensor at a read place": caught(rows, lambda items, x: items.pop(int(x[1]))),
    "index": caught(grown, lambda items, x: items.index(2)),
    "index of a read number": caught(grown, lambda items, x: items.index(int(x[1]))),
    "remove": caught(grown, lambda items, x: items.remove(2) or 0),
    "in turn": caught(grown, lambda items, x: items.pop(), lambda items, x: items.remove(0) or 1),
    "delete": deleted(grown),
    "delete of a known list": deleted(lambda x: [1, 2, 4]),
    "pop, uncaught": lambda x: grown(x).pop(1),
    "remove, uncaught": lambda x: grown(x).remove(int(x[1])),
    "index, uncaught": lambda x: grown(x).index(int(x[1])),
}


def outcome(function: Any, x: torch.Tensor) -> Any:
    try:
        return function(x)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_they_are_those_of_eager(name: str, tmp_path: Path) -> None:
    values = ([0.5, 2, -1, -3], [0.0, 1, 2, 0], [2.0, -1, 0, 0], [0.0, 0, 0, 0], [1.0, -3, 1, 1])
    xs = [torch.tensor(each) for each in values]
    net = compile(FUNCTIONS[name], (xs[0],), output=tmp_path / "net.dyncc")
    for x in xs:
        got, expected = outcome(net, x), outcome(FUNCTIONS[name], x)
        if isinstance(expected, str):
            assert got == expected
        else:
            torch.testing.assert_close(got, expected)

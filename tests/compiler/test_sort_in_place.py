"""``list.sort`` of objects by numbers that the network computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from dyncc.compiler import compile


class Hypothesis:
    def __init__(self, name: int, score: float) -> None:
        self.name, self.score = name, score

    def __lt__(self, other: Hypothesis) -> bool:
        return self.score < other.score


def by_key(x: torch.Tensor) -> Any:
    found = [Hypothesis(i, score) for i, score in enumerate(x.tolist())]
    kept = found
    found.sort(key=lambda hypothesis: -hypothesis.score)
    return [each.name for each in kept], found[0].score


def by_their_own_order(x: torch.Tensor) -> Any:
    found = [Hypothesis(i, score) for i, score in enumerate(x[:3].tolist())]
    found.sort(reverse=True)
    return [each.name for each in found]


def of_constants(x: torch.Tensor) -> Any:
    names = ["b", "c", "a"]
    names.sort(key=lambda name: -ord(name))
    return x if "".join(names) == "cba" else -x


class Backwards(list):
    """Its methods are its own, not those of ``list``."""

    def sort(self, key: Any = None, reverse: bool = False) -> None:
        super().sort(key=key, reverse=not reverse)

    def pop(self, index: int = -1) -> Any:
        return super().pop(-1 - index)


def of_a_derived_class(x: torch.Tensor) -> Any:
    names, numbers = Backwards(["b", "c", "a"]), Backwards([1, 2, 3, 4])
    names.sort()
    popped = numbers.pop(0)
    if x.sum() > 4:
        popped += numbers.pop(1)
    return "".join(names), popped, x


def test_they_are_in_the_order_of_eager(tmp_path: Path) -> None:
    xs = [
        torch.tensor(values) for values in ([1.0, 2, 3, 0], [3.0, 2, 1, 0], [1.0, 1, 2, 2], [0.0, 5, 0, -1])
    ]
    for function in (by_key, by_their_own_order, of_constants, of_a_derived_class):
        net = compile(function, (xs[0],), output=tmp_path / f"{function.__name__}.dyncc")
        for x in xs:
            got, expected = net(x), function(x)
            assert repr(got) == repr(expected)

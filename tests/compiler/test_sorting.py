"""Sorting by decisions asks what CPython's sort asks."""

from __future__ import annotations

import functools
import random
from typing import Any

import pytest
import torch

from dyncc.compiler.check.compare import REFERENCE, compare_outcomes, outcome
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize
from dyncc.compiler.specialize.prelude import in_order

Asked = list[tuple[int, int]]


class Key:
    """A number whose comparisons are noted; ``at`` tells equal ones apart."""

    def __init__(self, at: int, value: float, asked: Asked) -> None:
        self.at, self.value, self.asked = at, value, asked

    def __lt__(self, other: Key) -> bool:
        self.asked.append((self.at, other.at))
        return self.value < other.value


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("most", [1, 2, 4, 40])
def test_the_same_questions_in_the_same_order(most: int, reverse: bool) -> None:
    draw = random.Random(most)
    for _ in range(500):
        values = [draw.choice((*range(most), float("nan"))) for _ in range(draw.randrange(20))]
        expected: Asked = []
        actual: Asked = []
        eager = sorted((Key(i, v, expected) for i, v in enumerate(values)), reverse=reverse)
        keys = [Key(i, v, actual) for i, v in enumerate(values)]
        assert [k.at for k in in_order(keys, keys, reverse)] == [k.at for k in eager]
        assert actual == expected


def by_tensors(x: Any) -> Any:
    rows = [x, x * 2 - 1, 0.5 - x]
    return sorted(rows, key=lambda row: row.sum()), sorted(rows, key=lambda row: row.max(), reverse=True)


@pytest.mark.parametrize("value", [-1.0, 0.2, 0.6, 1.0, 3.0, float("nan")])
def test_keys_that_are_tensors(value: float) -> None:
    recorded = specialize(by_tensors, (torch.ones(3),))
    interpreter = Interpreter(recorded.program, recorded.weights)
    given = (torch.full((3,), value),)
    expected = outcome(by_tensors, given, {})
    actual = outcome(functools.partial(interpreter.run, "by_tensors"), given, {})
    assert not compare_outcomes(expected, actual, REFERENCE).differences

"""What is known of the largest that a size can be: of arguments, by decisions, in loops, over calls."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from dyncc.compiler.check.compare import END_TO_END, REFERENCE, Outcome, compare_outcomes, outcome
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize

TABLE = torch.linspace(-1.0, 1.0, 32).view(8, 4)
MASK = torch.triu(torch.full((8, 8), float("-inf")), 1)


def attend(x: Any) -> Any:
    """Attention with a table of positions and a mask that are cut to the length."""
    length = x.shape[0]
    x = x + TABLE[:length]
    scores = x @ x.t() + MASK[:length, :length]
    return torch.softmax(scores, -1) @ x


def cut_to_window(x: Any) -> Any:
    """A sequence that grows, of which the last are looked at."""
    for _ in range(20):
        seen = x if x.shape[0] <= 8 else x[-8:]
        row = torch.tanh(attend(seen)[-1:] + 0.3)
        x = torch.cat([x, row])
        if row.sum() > 2.1:
            break
    return x


def cut_in_place_of_itself(x: Any) -> Any:
    cache = x
    while cache.sum() < 9:
        cache = torch.cat([cache, torch.tanh(cache[-1:] + 0.2)])
        if cache.shape[0] > 8:
            cache = cache[-8:]
        cache = cache + attend(cache).abs() * 0.1
    return cache


def doubled_where_small(x: Any) -> Any:
    """The limit of what comes out is twice that of what goes in."""
    while x.sum() > 0:
        if x.shape[0] <= 4:
            x = torch.cat([x, x - 0.1])
        x = x + TABLE[: x.shape[0]] - 0.4
    return x


def limited_on_one_side(x: Any) -> Any:
    """Nothing is known where the sides meet: a longer sequence is refused, as by PyTorch."""
    y = x
    if x.shape[0] <= 8:
        y = x * 2
    if y.sum() > 0:
        y = y - 1
    return y + TABLE[: y.shape[0]]


def not_limited(x: Any) -> Any:
    if not x.shape[0] <= 8 or x.shape[0] < 0:
        return x * 2
    return attend(x)


def limited_from_below(x: Any) -> Any:
    return attend(x[-8:]) if x.shape[0] > 8 else attend(x)


def of_two(x: Any) -> Any:
    """Two sizes of the same limit are not one: ``zip`` and ``cat`` of them tell."""
    one, two = x[x > 0], x[x < 0.5]
    if one.shape[0] <= 3 and two.shape[0] <= 3:
        return torch.cat([one, two]) * 2, one.sum() + two.sum()
    return one, two.sum()


def rows(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)) * 0.5 + 0.1


@pytest.mark.parametrize(
    ("function", "most"),
    [
        (attend, 8), (attend, None), (cut_to_window, 24), (cut_in_place_of_itself, None),
        (doubled_where_small, 8), (limited_on_one_side, None), (not_limited, None),
        (limited_from_below, None), (limited_from_below, 16),
    ],
)  # fmt: skip
def test_it_is_as_eager(function: Callable[..., Any], most: int | None) -> None:
    shapes = {"x": {0: Dim("n", max=most) if most else Dim("n")}}
    recorded = specialize(function, (rows(5, 0),), dynamic_shapes=shapes)
    assert len(recorded.program.blocks) < 40
    interpreter = Interpreter(recorded.program, recorded.weights, step_limit=4000)
    for count in (1, 2, 3, 5, 7, 8, 9, 12, 20):
        if most is not None and count > most:
            continue
        for seed in range(3):
            expected = outcome(function, (rows(count, seed),), {})
            actual = outcome(
                functools.partial(interpreter.run, function.__name__), (rows(count, seed),), {}
            )
            if expected.error is not None and actual.error is not None:  # worded for symbols
                continue
            assert not compare_outcomes(expected, actual, REFERENCE).differences, (count, seed)


def test_sizes_of_one_limit_are_not_one() -> None:
    recorded = specialize(of_two, (torch.tensor([1.0, -1.0, 0.2, 0.3]),))
    interpreter = Interpreter(recorded.program, recorded.weights)
    for seed in range(40):
        x = torch.randn(4, generator=torch.Generator().manual_seed(seed))
        expected, actual = outcome(of_two, (x,), {}), outcome(interpreter.run, ("of_two", x), {})
        actual = Outcome(actual.value, actual.error, expected.arguments)
        assert not compare_outcomes(expected, actual, REFERENCE).differences


class Stream(nn.Module):
    """The last rows of all calls."""

    seen: Any

    def __init__(self) -> None:
        super().__init__()
        self.seen = None

    def forward(self, x: Any) -> Any:
        self.seen = x if self.seen is None else torch.cat([self.seen, x])
        if self.seen.shape[0] > 8:
            self.seen = self.seen[-8:]
        found = attend(self.seen)
        return found.sum(0) if found.sum() > 0 else found.amax(0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "most"), [(Stream, None), (Stream, 3), (lambda: attend, 8), (lambda: cut_to_window, 24)]
)
def test_the_bundle_is_as_eager(made: Callable[[], Any], most: int | None, tmp_path: Any) -> None:
    from dyncc.compiler.api import compile as compile_bundle

    model, shapes = made(), None
    if most:
        shapes = {"x": {0: Dim("n", max=most)}}
    count = 2 if most is None or most > 2 else 1
    net = compile_bundle(made(), (rows(count, 0),), dynamic_shapes=shapes, output=tmp_path / "net.dyncc")
    for seed in range(16):
        given = rows(1 + seed % most if most else count, seed)
        expected, actual = outcome(model, (given,), {}), outcome(net, (given,), {})
        assert not compare_outcomes(expected, actual, END_TO_END).differences

"""Times of functions that do the same, taken in turns so that what else the machine does falls on all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

ROUNDS = 7
SECONDS = 0.15
"""For one function over all rounds, about."""


def times_of(
    functions: Mapping[str, Callable[..., Any]],
    arguments: Sequence[Sequence[Any]],
    seconds: float = SECONDS,
) -> dict[str, float]:
    """Of each function the time of a call, the mean over ``arguments`` of the least time of each."""
    totals = dict.fromkeys(functions, 0.0)
    share = seconds / max(1, len(arguments)) / ROUNDS
    for given in arguments:
        counts = {name: _repeats(function, given, share) for name, function in functions.items()}
        best = dict.fromkeys(functions, float("inf"))
        for _ in range(ROUNDS):
            for name, function in functions.items():
                best[name] = min(best[name], _time(function, given, counts[name]))
        for name in functions:
            totals[name] += best[name] / len(arguments)
    return totals


def _repeats(function: Callable[..., Any], given: Sequence[Any], share: float) -> int:
    """How often to call, after calls that are not counted, to fill ``share`` seconds."""
    function(*given)
    once = min(_time(function, given, 1) for _ in range(3))
    return max(1, min(1000, int(share / max(once, 1e-7))))


def _time(function: Callable[..., Any], given: Sequence[Any], count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        function(*given)
    return (time.perf_counter() - started) / count

"""Figures from times: percentiles, and ratios with their 95 % intervals.

Times of one contender form an array ``[round, call]``: in each round every contender made every call once,
so what else the machine did in a round fell on all of them. The time of a set of calls is the mean over
its calls of the median over rounds; a ratio is one of two such times. Its interval is that of a bootstrap
over whole rounds (Efron & Tibshirani, *An Introduction to the Bootstrap*, ch. 13, percentile method), which
keeps what rounds have in common.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Times: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
RESAMPLES = 400
UNSTEADY = 3.0
"""So many times its 10th percentile is the median of a call where its times do not hold still."""
_PERCENTILES = (10, 50, 90, 99)


@dataclass(frozen=True, slots=True)
class Spread:
    """How long calls took, in seconds; ``mean`` is the time that ratios are made of."""

    mean: float
    p10: float
    median: float
    p90: float
    p99: float
    quick: float
    """As ``mean``, of each call's 10th percentile: that calls take unequally long makes no difference."""

    @property
    def unsteady(self) -> bool:
        """Whether the median of a call says little of how long it takes."""
        return self.mean > UNSTEADY * self.quick


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two times and the ends of its 95 % interval."""

    value: float
    low: float
    high: float
    unsteady: bool = False
    """Whether one of the two is (:attr:`Spread.unsteady`): the ratio is not to be relied on."""


def spread(times: Times) -> Spread:
    """The spread of all times of ``times[round, call]``."""
    p10, median, p90, p99 = (float(found) for found in np.percentile(times, _PERCENTILES))
    quick = float(np.percentile(times, _PERCENTILES[0], axis=0).mean())
    return Spread(typical(times), p10, median, p90, p99, quick)


def typical(times: Times) -> float:
    """The time of the calls: the mean over calls of the median over rounds."""
    return float(np.median(times, axis=0).mean())


def ratio(numerator: Times, denominator: Times, seed: int = 0) -> Ratio:
    """``numerator`` over ``denominator``, which have the same rounds and calls."""
    rounds = len(numerator)
    if numerator.shape != denominator.shape or not rounds:
        raise ValueError(f"times of {numerator.shape} and {denominator.shape} were not taken in turns")
    rng = np.random.default_rng(seed)
    found: list[float] = []
    for _ in range(RESAMPLES):
        chosen = rng.integers(0, rounds, rounds)
        found.append(typical(numerator[chosen]) / typical(denominator[chosen]))
    low, high = np.percentile(found, (2.5, 97.5))
    unsteady = spread(numerator).unsteady or spread(denominator).unsteady
    return Ratio(typical(numerator) / typical(denominator), float(low), float(high), unsteady)


def geometric_mean(values: Iterable[float]) -> float:
    """The geometric mean; nan of nothing."""
    logarithms = [math.log(value) for value in values]
    return math.exp(sum(logarithms) / len(logarithms)) if logarithms else math.nan


def median(values: Sequence[float]) -> float:
    """The median; nan of nothing."""
    return float(np.median(values)) if values else math.nan


def seconds(value: float) -> str:
    """A time as people read it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * factor >= 1 or unit == "µs":
            return f"{value * factor:.3g} {unit}"
    raise AssertionError("the last unit fits all")

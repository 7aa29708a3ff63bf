"""Medians and ratios, on times whose answers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dyncc.compiler.bench.figures import geometric_mean, median, ratio, spread, typical


def noisy(mean: float, rounds: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return mean * rng.lognormal(0, 0.1, (rounds, 5))


def test_the_time_of_calls_is_the_mean_of_medians() -> None:
    times = np.array([[1.0, 10.0], [2.0, 20.0], [900.0, 30.0]])
    assert typical(times) == (2.0 + 20.0) / 2
    found = spread(times)
    assert (found.mean, found.median) == (11.0, 15.0)
    assert found.p10 < found.median < found.p90 < found.p99


def test_a_ratio_lies_in_its_interval_and_the_interval_holds_the_truth() -> None:
    hits = 0
    for seed in range(40):
        found = ratio(noisy(2.0, 31, seed), noisy(1.0, 31, seed + 1000))
        assert found.low <= found.value <= found.high
        hits += found.low <= 2.0 <= found.high
    assert hits >= 34  # of 40 intervals of 95 %


def test_what_slows_a_round_slows_both_and_leaves_the_ratio() -> None:
    load = np.linspace(1, 5, 21)[:, None]
    one, other = 3.0 * load * np.ones((21, 4)), load * np.ones((21, 4))
    found = ratio(one, other)
    assert (found.value, found.low, found.high) == pytest.approx((3.0, 3.0, 3.0))


def test_times_that_stall_in_most_rounds_are_unsteady() -> None:
    steady, stalling = noisy(3e-4, 31, 1), noisy(3e-4, 31, 2)
    stalling[8:] += 0.148
    found = spread(stalling)
    assert found.unsteady and found.quick < 4e-4 and found.mean > 0.1
    assert ratio(stalling, steady).unsteady and ratio(steady, stalling).unsteady
    assert not spread(steady).unsteady and not ratio(steady, steady).unsteady


def test_stalls_in_some_rounds_and_unequal_calls_leave_medians_alone() -> None:
    some = noisy(3e-4, 31, 1)
    some[20:] += 0.148
    assert not spread(some).unsteady
    unequal = noisy(1.0, 31, 2) * [1, 1, 1, 100, 1000]
    assert spread(unequal).median > 0 and not spread(unequal).unsteady


def test_more_rounds_narrow_the_interval() -> None:
    few, many = (ratio(noisy(1.0, n, 1), noisy(1.0, n, 2)) for n in (7, 200))
    assert many.high - many.low < few.high - few.low


def test_times_that_were_not_taken_in_turns_have_no_ratio() -> None:
    with pytest.raises(ValueError, match="in turns"):
        ratio(np.ones((3, 2)), np.ones((2, 2)))


def test_means() -> None:
    assert geometric_mean([2, 8]) == pytest.approx(4)
    assert math.isnan(geometric_mean([])) and math.isnan(median([]))

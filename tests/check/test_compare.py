"""The comparison finds every kind of difference, and says where."""

from __future__ import annotations

import math
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from dyncc.compiler.check.compare import REFERENCE, Outcome, compare, compare_outcomes, outcome

Point = namedtuple("Point", "x y")


@dataclass
class Result:
    logits: Any
    steps: int


ones = torch.ones(3)


@pytest.mark.parametrize(
    ("expected", "actual", "path"),
    [
        (1, True, "output"),
        (1, 1.0, "output"),
        (1.0, 1.001, "output"),
        ("a", "b", "output"),
        (None, 0, "output"),
        (ones, ones.double(), "output"),
        (ones, torch.ones(3, 1), "output"),
        (ones, 1.0, "output"),
        (ones, torch.tensor([1.0, 1.0, 1.01]), "output[2]"),
        (ones, torch.tensor([1.0, math.nan, 1.0]), "output[1]"),
        (ones * math.inf, ones, "output[0]"),
        (ones * math.inf, -ones * math.inf, "output[0]"),
        (torch.tensor([1, 2]), torch.tensor([1, 3]), "output[1]"),
        ([1, 2], (1, 2), "output"),
        ([1, 2], [1], "output"),
        ({"a": [ones, 2]}, {"a": [ones, 3]}, "output['a'][1]"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "output"),
        (Point(1, 2), (1, 2), "output"),
        (Point(1, 2), Point(1, 3), "output.y"),
        (Result(ones, 1), Result(ones, 2), "output.steps"),
        ({1, 2}, {1, 3}, "output"),
    ],
)
def test_a_difference_is_found(expected: object, actual: object, path: str) -> None:
    found = compare(expected, actual, REFERENCE).differences
    assert [difference.path for difference in found] == [path]


@pytest.mark.parametrize(
    "value",
    [
        *(None, 3, 2.5, math.nan, math.inf, "s", ones, ones * math.nan, ones * -math.inf),
        *(torch.zeros(0), Point(1, ones), Result({"a": (ones, [1])}, 2), torch.tensor([1 + 2j])),
    ],
)
def test_equal_values_agree(value: object) -> None:
    assert not compare(value, value, REFERENCE).differences


def test_the_largest_error_is_reported_though_within_tolerance() -> None:
    result = compare({"a": ones, "b": 1.0}, {"a": ones + 1e-6, "b": 1.0 + 5e-6}, REFERENCE)
    assert not result.differences
    assert result.largest == pytest.approx(5e-6, rel=1e-3)


def test_a_class_of_the_same_name_and_fields_is_equal() -> None:
    assert not compare(Point(1, 2), namedtuple("Point", "x y")(1, 2), REFERENCE).differences


def ending(error: Exception) -> Outcome:
    """How a call ends whose program says ``raise error``."""

    def fail() -> None:
        raise error

    return outcome(fail, (), {})


def test_exceptions_are_compared_by_type_and_message() -> None:
    low = ending(ValueError("low"))
    assert not compare_outcomes(low, ending(ValueError("low")), REFERENCE).differences
    for other in (ending(ValueError("high")), ending(TypeError("low")), Outcome(1)):
        assert compare_outcomes(low, other, REFERENCE).differences


def test_the_message_of_a_failed_operation_does_not_count() -> None:
    failed = outcome(lambda: [1].index(2), (), {})
    assert not compare_outcomes(failed, ending(ValueError("other")), REFERENCE).differences
    assert compare_outcomes(failed, ending(KeyError("other")), REFERENCE).differences


def test_what_is_written_to_arguments_is_compared() -> None:
    assert compare_outcomes(
        Outcome(1, arguments=ones), Outcome(1, arguments=ones * 2), REFERENCE
    ).differences

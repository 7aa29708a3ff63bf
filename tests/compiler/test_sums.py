"""``sum`` of numbers that are not known is to the last bit that of the Python which compiles."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.functions import Net

from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import prelude, specialize

_NUMBERS = st.one_of(
    st.floats(),
    st.sampled_from([1e16, 1.0, -1e16, 0.1, -0.0, 1e308, -1e308]),
    st.integers(-9, 9),
    st.booleans(),
)


def _bits(value: Any) -> Any:
    same = isinstance(value, float) and value == value
    return struct.pack("d", value) if same else repr(value)


@settings(max_examples=500, deadline=None)
@given(st.lists(_NUMBERS, max_size=8), st.sampled_from([0, 1, 0.5, -0.0, True]))
def test_the_definition_is_that_of_cpython(values: list[Any], start: Any) -> None:
    assert _bits(prelude.sum_of(values, start)) == _bits(sum(values, start))


def _items(x: torch.Tensor) -> Any:
    return sum(v.item() for v in x)


def _from(x: torch.Tensor) -> Any:
    return sum([float(v) for v in x], 0.5)


def _mixed(x: torch.Tensor) -> Any:
    return sum([x[0].item(), 1, 2.5, int(x[1]), x[2].item()])


def _grown(x: torch.Tensor) -> Any:
    values = []
    for v in x:
        if v != 0.25:
            values.append(v.item())
    return sum(values)


def _in_a_graph(x: torch.Tensor) -> Any:
    return x * sum(v.item() for v in x)


@pytest.mark.parametrize("function", [_items, _from, _mixed, _grown, _in_a_graph])
def test_sums_of_unknown_numbers(function: Callable[[torch.Tensor], Any]) -> None:
    cases = [[1e16, 1.0, -1e16, 0.1], [0.1] * 4, [-0.0] * 4, [1e308, 1e308, -1e308, 2.0]]
    inputs = [torch.tensor(case, dtype=torch.float64) for case in cases]
    recorded = specialize(Net(function), (inputs[1],))
    interpreter = Interpreter(recorded.program, recorded.weights)
    for x in inputs:
        if function is _mixed and x[1] > 1e300:
            continue
        result, expected = interpreter.run("forward", x), function(x)
        assert _bits(result) == _bits(expected)

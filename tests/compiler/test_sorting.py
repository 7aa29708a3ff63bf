"""``prelude.in_order`` makes the comparisons of ``list.sort``, whatever they answer."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dyncc.compiler.specialize import prelude


class _Key:
    """A key whose comparisons are noted, and answered from a script."""

    def __init__(self, name: int, asked: list[tuple[int, int]], answers: list[bool]) -> None:
        self.name, self.asked, self.answers = name, asked, answers

    def __lt__(self, other: _Key) -> bool:
        self.asked.append((self.name, other.name))
        return self.answers[len(self.asked) % len(self.answers)]


def _asked(sort: Any, count: int, answers: list[bool], reverse: bool) -> tuple[list[int], list[Any]]:
    asked: list[tuple[int, int]] = []
    keys = [_Key(i, asked, answers) for i in range(count)]
    return sort(list(range(count)), keys, reverse), asked


def _builtin(items: list[int], keys: list[_Key], reverse: bool) -> list[int]:
    return sorted(items, key=lambda item: keys[item], reverse=reverse)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 12), st.lists(st.booleans(), min_size=1, max_size=23), st.booleans())
def test_the_comparisons_are_those_of_cpython(count: int, answers: list[bool], reverse: bool) -> None:
    expected = _asked(_builtin, count, answers, reverse)
    assert _asked(prelude.in_order, count, answers, reverse) == expected


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, float("nan")]), max_size=12), st.booleans())
def test_insertion_sort_is_stable_where_there_is_an_order(values: list[float], reverse: bool) -> None:
    values = [value for value in values if value == value]
    items = list(range(len(values)))
    expected = sorted(items, key=lambda i: values[i], reverse=reverse)
    assert prelude.by_insertion(items, values, reverse) == expected
    assert prelude.in_order(items, values, reverse) == expected

"""Graphs of random programs do what Python does."""

from __future__ import annotations

import linecache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.frontend.compare import Trace, observe
from tests.frontend.interp import UnsupportedReached, interpreted
from tests.frontend.programs import compiled, sources

from dyncc.compiler.frontend.build import build
from dyncc.compiler.frontend.printer import dump


def deciding(function, decisions):
    """``function`` on the given decisions."""

    def run(t: Trace):
        remaining = iter(decisions)
        return function(t, lambda: next(remaining, False))

    return run


def normalized(outcome: dict[str, object]) -> dict[str, object]:
    """In a comprehension Python 3.11 has another kind and text of error for an unbound variable."""
    match outcome:
        case {"raised": ("NameError" | "UnboundLocalError", str(text), cause)}:
            return {**outcome, "raised": ("NameError", text.split("'")[1], cause)}
        case _:
            return outcome


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(source=sources(), decisions=st.lists(st.booleans(), min_size=4, max_size=16))
def test_same_as_python(source: str, decisions: list[bool]) -> None:
    try:
        function = compiled(source)
    except SyntaxError:  # a `nonlocal` without a variable, a capture after a wildcard, …
        return
    for case in (decisions, [not decision for decision in decisions], [True] * 6, []):
        expected = normalized(observe(deciding(function, case), ()))
        try:
            actual = normalized(observe(deciding(interpreted(function), case), ()))
        except UnsupportedReached:  # a bare `raise` in a `finally` that no exception entered
            assert "raise\n" in source
            continue
        graph = dump(build(function.__code__))
        assert actual == expected, f"{source}\n{case}\n{graph}"
    linecache.cache.pop(function.__code__.co_filename, None)

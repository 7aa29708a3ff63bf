"""The generated host does what the program means, whatever its control flow."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.runtime.interpreter import Outcome, TooLong, interpret
from tests.runtime.random_programs import ProgramMaker, fake_graphs

from dyncc.runtime import program as p
from dyncc.runtime.errors import StepLimit
from dyncc.runtime.host import generate
from dyncc.runtime.limits import Path, Watch
from dyncc.runtime.wellformed import check_program


def run_host(
    program: p.Program[Any],
    cls: type,
    inputs: dict[str, Any],
    outcome: Outcome | None,
    cells: Any,
    *extra: Any,
) -> Any:
    """The outcome of a call of the host, in the form of the interpreter's, and its calls of graphs."""
    calls: list[tuple[Any, ...]] = []

    def public(graph: Any) -> Any:
        def run(*values: Any) -> Any:
            results = graph(*values)
            return results[0] if len(results) == 1 else results

        return run

    host = cls({name: public(graph) for name, graph in fake_graphs(program, calls).items()}, {})
    state = cells[0]
    source_cells = cells[1]
    if len(program.states) > 1:
        host.state = state
    for name, value in source_cells.items():
        setattr(host, name, value)
    try:
        kind, result = "return", host.forward(*inputs.values(), *extra)
    except StepLimit:
        raise
    except Exception as error:
        text = error.args[0] if error.args else ""
        kind, result = "raise", (type(error).__name__, str(text))
    return kind, result, host, calls


def same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple | list):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and bool((one == other).all())
    return type(one) is type(other) and one == other


def compare(program: p.Program[Any], x: int, n: int, state: int, limit: int = 300) -> bool:
    """Compare one call with the interpreter; whether it came to an end."""
    check_program(program)
    inputs = {"x": np.array(x), "n": n}
    cells = tuple((5, np.array(7))[: len(program.states[state].cells)])
    expected_calls: list[tuple[Any, ...]] = []
    plain, traced = generate(program), generate(program, traced=True)
    named = (state, dict(zip(plain.cells[state].values(), cells, strict=True)))
    try:
        expected = interpret(
            program, "forward", inputs, fake_graphs(program, expected_calls), state, cells, limit
        )
    except TooLong:
        path = Path()
        watch = Watch("forward", program, limit, None, path)
        with pytest.raises(StepLimit):
            run_host(program, load(traced), inputs, None, named, watch)
        return False
    path = Path()
    watch = Watch("forward", program, None, None, path)
    for cls, extra in ((load(plain), ()), (load(traced), (watch,))):
        kind, result, host, calls = run_host(program, cls, inputs, expected, named, *extra)
        assert kind == expected.kind, result
        assert same(result, expected.result)
        assert calls == expected_calls
        if expected.state is not None:
            assert getattr(host, "state", 0) == expected.state
            attributes = plain.cells[expected.state].values()
            assert same(tuple(getattr(host, name) for name in attributes), expected.cells)
            assert same(tuple(getattr(host, "writes", {}).values()), tuple(expected.writes.values()))
    assert path.steps == expected.steps
    return True


def load(source: Any) -> type:
    namespace: dict[str, Any] = {}
    exec(compile(source.text, "host", "exec"), namespace)
    return namespace[source.class_name]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 9), st.integers(0, 9))
def test_random_programs(seed: int, x: int, n: int) -> None:
    program = ProgramMaker(Random(seed)).run()
    for state in range(len(program.states)):
        compare(program, x, n, state)

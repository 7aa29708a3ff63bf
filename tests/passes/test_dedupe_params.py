"""dedupe-params: parameters whose value is known or another's."""

from __future__ import annotations

import torch
from tests.passes.toys import VECTORS, optimized, read, run, show

from dyncc.passes.dedupe_params import DedupeParams

LOOP = """\
program p

method forward(x: f32[2], p: bool)
    entry start(x, p)

state

start(x: f32[2], p: bool):
    branch p ? loop(x, x, 0, 5, 0) : loop(x, x, 1, 5, 1)

loop(a: f32[2], b: f32[2], n: int, k: int, l: int):
    h: f32[2] = compute f(a, b, k)
    m: int = add(n, 1)
    go: bool = lt(m, k)
    branch go ? back(h, h, m, k) : end(a, b, l)

back(a: f32[2], b: f32[2], m: int, k: int):
    jump loop(a, b, m, k, m)

end(a: f32[2], b: f32[2], n: int):
    return tuple(a, b, n)

graph f {
    (a: f32[2], b: f32[2], k: int):
        c = add(a, b)
        d = mul(c, k)
        return d
}
"""


def test_constants_and_copies_are_found_around_a_loop() -> None:
    calls = [(x, p) for (x,) in VECTORS for p in (True, False)]
    result = optimized(DedupeParams(), LOOP, calls)
    assert (
        show(result.program).partition("\n\ngraph")[0]
        == """\
method forward(x: f32[2], p: bool)
    entry start(x, p)

state

start(x: f32[2], p: bool):
    branch p ? loop(x, 0) : loop(x, 1)

loop(a: f32[2], n: int):
    h: f32[2] = compute f(a, a, 5)
    m: int = add(n, 1)
    go: bool = lt(m, 5)
    branch go ? back(h, m) : end(a, n)

back(a: f32[2], m: int):
    jump loop(a, m)

end(a: f32[2], n: int):
    return tuple(a, a, n)"""
    )
    assert "parameter `k` of `loop` is always 5" in result.notes
    assert "parameter `l` of `loop` is always `n`" in result.notes


def _params(first: str, second: str, types: str = "a: int, b: int") -> int:
    text = f"""\
program p

method forward(x: f32[2], p: bool, n: int, m: int)
    entry start(x, p, n, m)

state

start(x: f32[2], p: bool, n: int, m: int):
    branch p ? end({first}) : end({second})

end({types}):
    return tuple(a, b)
"""
    return len(run(DedupeParams(), read(text)).program.blocks["end"].params)


def test_what_differs_on_an_edge_stays() -> None:
    assert _params("n, n", "m, m") == 1
    assert _params("n, n", "n, m") == 2
    assert _params("3, 4", "3, 4") == 0
    assert _params("3, n", "4, n") == 2
    assert _params("3, 3", "4, 4") == 1


def test_constants_of_different_kinds_differ() -> None:
    assert _params("0, 0.0", "0, -0.0", "a: int, b: float") == 1
    assert _params("1, True", "1, True", "a: int, b: bool") == 0


def test_types_must_be_equal() -> None:
    assert _params("x, x", "x, x", "a: f32[s0], b: f32[2]") == 2
    assert _params("x, x", "x, x", "a: f32[s0], b: f32[s0]") == 1


def test_the_parameters_of_an_entry_stay() -> None:
    text = """\
program p

method forward(x: f32[2], y: f32[2])
    entry a(x, y)

state

a(x: f32[2], y: f32[2]):
    return tuple(x, y)
"""
    program = read(text)
    assert not run(DedupeParams(), program).modified
    constant = text.replace("y: f32[2]", "y: int").replace("return tuple(x, y)", "jump a(x, 3)")
    assert not run(DedupeParams(), read(constant)).modified
    loop = text.replace("return tuple(x, y)", "jump a(x, x)")
    assert not run(DedupeParams(), read(loop)).modified


def test_values_may_swap_around_a_loop() -> None:
    text = LOOP.replace("jump loop(a, b, m, k, m)", "jump loop(b, a, m, k, m)")
    text = text.replace(
        "? loop(x, x, 0, 5, 0) : loop(x, x, 1, 5, 1)", "? loop(x, y, 0, 5, 0) : loop(y, x, 1, 5, 1)"
    )
    text = text.replace("x: f32[2], p: bool", "x: f32[2], y: f32[2], p: bool").replace(
        "start(x, p)", "start(x, y, p)"
    )
    calls = [(x, torch.ones(2), p) for (x,) in VECTORS for p in (True, False)]
    program = optimized(DedupeParams(), text, calls).program
    assert [param.name for param in program.blocks["loop"].params] == ["a", "b", "n"]
    assert [param.name for param in program.blocks["back"].params] == ["a", "m"]

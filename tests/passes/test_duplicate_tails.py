"""duplicate-tails: small blocks where ways meet become part of each way."""

from __future__ import annotations

from tests.passes.toys import OPS, VECTORS, optimized, read

from dyncc.ir import Compute, Program
from dyncc.passes.duplicate_tails import DuplicateTails

SKIP = """\
program p

method forward(x: f32[2], n: int)
    entry gate(x, n)

state

gate(x: f32[2], n: int):
    c: bool = lt(n, 2)
    branch c ? arm(x, n) : tail(x, n)

arm(x: f32[2], n: int):
    y: f32[2] = compute f(x)
    m: int = add(n, 1)
    jump tail(y, m)

tail(x: f32[2], n: int):
    z: f32[2] = compute g(x)
    c: bool = lt(n, 3)
    branch c ? low(z) : high(z, n)

low(z: f32[2]):
    return z

high(z: f32[2], n: int):
    return tuple(z, n)

graph f {
    (x: f32[2]):
        r = relu(x)
        return r
}

graph g {
    (a: f32[2]):
        u = add(a, @w)
        return u
}
"""
CALLS = [(x, n) for (x,) in VECTORS for n in (0, 2, 5)]


def test_a_way_that_joins_another_is_one_call() -> None:
    result = optimized(DuplicateTails(), SKIP, CALLS)
    assert result.notes == ("`tail` is copied into `arm`",)
    arm, tail = result.program.blocks["arm"], result.program.blocks["tail"]
    assert _calls(result.program, "arm") == 1 and arm.terminator != read(SKIP).blocks["arm"].terminator
    assert tail == read(SKIP).blocks["tail"]


def test_the_test_of_a_loop_becomes_part_of_its_body() -> None:
    text = """\
program p

method forward(x: f32[2], n: int)
    entry start(x, n)

state

start(x: f32[2], n: int):
    y: f32[2] = compute f(x)
    jump head(y, n)

head(x: f32[2], n: int):
    y: f32[2] = compute g(x)
    c: bool = lt(n, 4)
    branch c ? body(y, n) : end(y)

body(x: f32[2], n: int):
    y: f32[2] = compute f(x)
    m: int = add(n, 1)
    jump head(y, m)

end(x: f32[2]):
    return x

graph f {
    (x: f32[2]):
        r = relu(x)
        return r
}

graph g {
    (a: f32[2]):
        u = add(a, @w)
        return u
}
"""
    result = optimized(DuplicateTails(), text, CALLS)
    assert list(result.program.blocks) == ["start", "body", "end"]
    assert all(_calls(result.program, name) <= 1 for name in result.program.blocks)


def test_a_loop_without_an_end_is_not_unrolled() -> None:
    text = SKIP.replace("branch c ? low(z) : high(z, n)", "jump arm(z, n)").replace(
        "high(z: f32[2], n: int):\n    return tuple(z, n)\n\n", ""
    )
    text = text.replace("low(z: f32[2]):\n    return z\n\n", "")
    result = DuplicateTails().run(read(text), OPS)
    assert _calls(result.program, "arm") == 1


def test_large_tails_and_many_ways_stay() -> None:
    program = read(SKIP)
    assert not DuplicateTails(operators=0).run(program, OPS).modified
    assert not DuplicateTails(copies=0).run(program, OPS).modified


def test_a_copy_that_saves_no_call_is_not_made() -> None:
    """The tail's graph needs a number that is read from what the arm computes."""
    text = SKIP.replace("m: int = add(n, 1)", "q: f32[] = compute h(y)\n    k: float = item(q)")
    text = text.replace("jump tail(y, m)", "jump tail(y, n, k)").replace(
        ": tail(x, n)", ": tail(x, n, 0.5)"
    )
    text = text.replace("tail(x: f32[2], n: int):", "tail(x: f32[2], n: int, k: float):")
    text = text.replace("compute g(x)", "compute g(x, k)").replace("(a: f32[2]):", "(a: f32[2], k: float):")
    text = text.replace("u = add(a, @w)", "u = add(a, k)")
    text += "\ngraph h {\n    (a: f32[2]):\n        s = sum(a)\n        return s\n}\n"
    assert not DuplicateTails().run(read(text), OPS).modified


def _calls(program: Program[object], name: str) -> int:
    return sum(isinstance(step, Compute) for step in program.blocks[name].steps)

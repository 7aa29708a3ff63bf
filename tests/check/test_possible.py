"""Edges that no call can take are not waited for."""

from __future__ import annotations

from tests.passes.toys import read

from dyncc.compiler.check.possible import possible_edges

LOOP = """\
program p

method forward(x: f32[2])
    entry start(x)

state

start(x: f32[2]):
    jump first(x, 0)

first(h: f32[2], n: int):
    m: int = add(n, 1)
    go: bool = lt(m, 2)
    branch go ? loop(h, m) : never(h)

loop(h: f32[2], n: int):
    k: f32[2], s: f32[] = compute f(h)
    r: float = item(s)
    more: bool = lt(r, 1.0)
    branch more ? loop(k, n) : end(k, n)

end(h: f32[2], n: int):
    branch True ? out(h) : never(h)

never(h: f32[2]):
    return h

out(h: f32[2]):
    return h

graph f {
    (a: f32[2]):
        b = add(a, @w)
        c = sum(b)
        return b, c
}
"""


def test_edges_that_constants_rule_out_are_left_out() -> None:
    assert possible_edges(read(LOOP)) == {("start", 0), ("first", 0), ("loop", 0), ("loop", 1), ("end", 0)}


def test_a_decision_on_data_keeps_both() -> None:
    text = LOOP.replace("jump first(x, 0)", "s: f32[2], t: f32[] = compute f(x)\n    i: float = item(t)\n"
                        "    j: int = int(i)\n    jump first(x, j)")  # fmt: skip
    assert {("first", 0), ("first", 1)} <= possible_edges(read(text))

"""fold-numbers: what constants and the types of tensors tell is computed while compiling."""

from __future__ import annotations

from tests.passes.toys import VECTORS, optimized, show

from dyncc.passes.fold_numbers import FoldNumbers

PROGRAM = """\
program p

method forward(x: f32[2])
    entry start(x)

state

start(x: f32[2]):
    n: int = dim(x, 0)
    m: int = add(n, 1)
    q: int = floordiv(m, 1)
    go: bool = lt(m, 3)
    y: f32[2], s: f32[] = compute f(x)
    r: float = item(s)
    t: float = add(r, m)
    branch go ? end(y, t) : end(x, t)

end(h: f32[2], t: float):
    return tuple(h, t)

graph f {
    (a: f32[2]):
        b = add(a, @w)
        c = sum(b)
        return b, c
}
"""


def test_what_is_known_is_folded() -> None:
    result = optimized(FoldNumbers(), PROGRAM, VECTORS)
    assert "go: bool" not in show(result.program)
    assert "q: int" not in show(result.program)
    assert "t: float = add(r, 3)" in show(result.program)
    assert "branch False ?" in show(result.program)


def test_nothing_to_do_is_told() -> None:
    text = PROGRAM.replace(
        "    n: int = dim(x, 0)\n    m: int = add(n, 1)\n    q: int = floordiv(m, 1)\n", ""
    )
    text = text.replace("lt(m, 3)", "lt(r, 3)").replace("add(r, m)", "add(r, r)")
    lines = text.splitlines()
    at, of = (next(i for i, line in enumerate(lines) if word in line) for word in ("go: bool", "r: float"))
    lines.insert(of, lines.pop(at))
    assert not optimized(FoldNumbers(), "\n".join(lines) + "\n", VECTORS).modified


def test_what_raises_stays() -> None:
    text = PROGRAM.replace("floordiv(m, 1)", "floordiv(m, 0)")
    result = optimized(FoldNumbers(), text, VECTORS)
    assert "q: int = floordiv(3, 0)" in show(result.program)


SIDES = """\
program p

method forward(x: f32[2], n: int)
    entry start(x, n)

state

start(x: f32[2], n: int):
    c: bool = lt(n, 2)
    branch c ? end(x, c, n) : more(x, c, n)

more(x: f32[2], c: bool, n: int):
    switch n {3: end(x, c, n), else: end(x, c, n)}

end(h: f32[2], c: bool, n: int):
    return tuple(h, c, n)
"""


def test_what_is_decided_on_is_known_on_each_side() -> None:
    result = optimized(FoldNumbers(), SIDES, [(x, n) for (x,) in VECTORS for n in (0, 2, 3, 7)])
    text = show(result.program)
    assert "branch c ? end(x, True, n) : more(x, False, n)" in text
    assert "switch n {3: end(x, c, 3), else: end(x, c, n)}" in text

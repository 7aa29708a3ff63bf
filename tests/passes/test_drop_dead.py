"""drop-dead: what cannot run and what nothing needs."""

from __future__ import annotations

import torch
from tests.passes.toys import VECTORS, optimized, read, run, show

from dyncc.passes.drop_dead import DropDead

LOOP = """\
program p

method forward(x: f32[2], y: f32[2])
    entry start(x, y)

state

start(x: f32[2], y: f32[2]):
    jump loop(x, y, x, 0)

loop(h: f32[2], g: f32[2], e: f32[2], n: int):
    go: bool = lt(n, 3)
    k: f32[2], l: f32[2], u: f32[] = compute f(h, g, e)
    q: float = item(u)
    m: int = add(n, 1)
    branch go ? loop(k, l, e, m) : end(h)

end(h: f32[2]):
    return h

lost(h: f32[2]):
    s: f32[2] = compute g(h)
    jump end(s)

graph f {
    (a: f32[2], b: f32[2], c: f32[2]):
        d = add(a, @w)
        e = mul(b, @v)
        s = sum(c)
        return d, e, s
}

graph g {
    (a: f32[2]):
        b = relu(a)
        return b
}
"""


def test_values_that_only_go_around_a_loop_are_dropped_also_inside_graphs() -> None:
    calls = [(x, torch.ones(2)) for (x,) in VECTORS]
    result = optimized(DropDead(reads=False), LOOP, calls)
    assert (
        show(result.program)
        == """\
method forward(x: f32[2], y: f32[2])
    entry start(x)

state

start(x: f32[2]):
    jump loop(x, 0)

loop(h: f32[2], n: int):
    go: bool = lt(n, 3)
    k: f32[2] = compute f(h)
    m: int = add(n, 1)
    branch go ? loop(k, m) : end(h)

end(h: f32[2]):
    return h

graph f {
    (a: f32[2]):
        d = add(a, @w)
        return d
}
"""
    )
    assert result.notes == (
        "block `lost` cannot be reached",
        "`y` of `start` is not needed",
        "`g` of `loop` is not needed",
        "`e` of `loop` is not needed",
        "`l` of `loop` is not needed",
        "`u` of `loop` is not needed",
        "`q` of `loop` is not needed",
        "graph `f` has inputs or outputs that are not needed",
        "graph `g` is not used",
    )


def _steps(line: str, params: str = "items: list<int>, n: int, y: float") -> list[str]:
    text = f"""\
program p

method forward({params})
    entry a({", ".join(part.partition(":")[0] for part in params.split(", "))})

state

a({params}):
    {line}
    return tuple(items, n, y)
"""
    program = run(DropDead(), read(text)).program
    return [step.op for step in program.blocks["a"].steps]  # pyright: ignore[reportAttributeAccessIssue]


def test_an_instruction_that_may_raise_stays() -> None:
    assert _steps("k: int = list_get(items, n)") == ["list_get"]
    assert _steps("k: float = truediv(1, n)") == ["truediv"]
    assert _steps("k: int = int(y)") == ["int"]
    assert _steps("k: float = math.log(y)") == ["math.log"]
    assert _steps("k: float = truediv(n, 2)") == []
    assert _steps("k: int = int(n)") == []
    assert _steps("k: int = list_len(items)") == []
    assert _steps("k: bool = lt(n, 2)") == []


def test_what_a_kept_instruction_needs_stays() -> None:
    assert _steps("k: int = add(n, 1)\n    l: int = list_get(items, k)") == ["add", "list_get"]


DECISIONS = """\
program p

method forward(x: f32[2])
    entry a(x)

state

a(x: f32[2]):
    branch DECIDED ? b(x) : c(x)

b(x: f32[2]):
    switch CHOSEN {0: d(x), 2: c(x), else: b(x)}

c(x: f32[2]):
    return tuple(x)

d(x: f32[2]):
    return list(x)
"""


def _left(decided: str, chosen: str) -> list[str]:
    text = DECISIONS.replace("DECIDED", decided).replace("CHOSEN", chosen)
    return list(run(DropDead(), read(text)).program.blocks)


def test_decisions_on_constants_are_made() -> None:
    assert _left("False", "0") == ["a", "c"]
    assert _left("True", "0") == ["a", "b", "d"]
    assert _left("True", "2") == ["a", "b", "c"]
    assert _left("True", "7") == ["a", "b"]


SHARED = """\
program p

method forward(x: f32[2], y: f32[2], p: bool)
    entry a(x, y, p)

state

a(x: f32[2], y: f32[2], p: bool):
    branch p ? b(x, y) : c(x, y)

b(x: f32[2], y: f32[2]):
    h: f32[2], g: f32[2], k: f32[2] = compute f(x, y)
    return h

c(x: f32[2], y: f32[2]):
    h: f32[2], g: f32[2], k: f32[2] = compute f(x, y)
    return g

graph f {
    (a: f32[2], b: f32[2]):
        d = relu(a)
        e = neg(b)
        s = add(a, b)
        return d, e, s
}
"""


def test_a_graph_is_changed_alike_for_all_its_uses() -> None:
    calls = [(x, torch.ones(2), p) for (x,) in VECTORS for p in (True, False)]
    text = show(optimized(DropDead(), SHARED, calls).program)
    assert text.count("    h: f32[2], g: f32[2] = compute f(x, y)\n") == 2
    assert "        return d, e\n" in text


STATE = """\
program p

method forward(x: f32[2])
    entry a(x)

method reset(x: f32[2])
    entry b(x)

state
    cell n: int at "self.n" = 0

a(x: f32[2], n: int):
    h: f32[2] = compute f(x)
    m: int = add(n, 1)
    return h state 0 (m)

b(x: f32[2], n: int):
    return None state 0 (0)

graph f {
    (a: f32[2]):
        b = relu(a)
        return b
}
"""


def test_cells_of_the_state_stay_and_inputs_go_from_entries() -> None:
    result = optimized(DropDead(), STATE, VECTORS)
    text = show(result.program)
    assert "method reset(x: f32[2])\n    entry b()\n" in text
    assert "\nb(n: int):\n    return None state 0 (0)\n" in text
    assert "\na(x: f32[2], n: int):\n" in text


def test_writes_and_messages_are_needs() -> None:
    text = """\
program p

method forward(x: f32[2], n: int)
    entry a(x, n)

state

a(x: f32[2], n: int):
    m: int = add(n, 1)
    h: f32[2] = compute f(x)
    raise ValueError("n is ", m) write x = h

graph f {
    (a: f32[2]):
        b = relu(a)
        return b
}
"""
    program = read(text)
    assert not run(DropDead(), program).modified


def test_of_a_read_that_nothing_needs_the_mark_stays() -> None:
    result = optimized(DropDead(), LOOP, [(x, torch.ones(2)) for (x,) in VECTORS])
    text = show(result.program)
    assert "= static_read(" in text and "= item(" not in text

"""dedupe-blocks: blocks that do the same thing become one."""

from __future__ import annotations

import pytest
import torch
from tests.passes.toys import OPS, VECTORS, optimized, read, run, show

from dyncc.passes.dedupe_blocks import DedupeBlocks

LOOPS = """\
program p

method forward(x: f32[2], p: bool)
    entry start(x, p)

state

start(x: f32[2], p: bool):
    branch p ? left(x, 0) : right(x, 2)

left(h: f32[2], n: int):
    k: f32[2] = compute f(h)
    m: int = add(n, 1)
    go: bool = lt(m, 3)
    branch go ? left2(k, m) : stop(k)

left2(a: f32[2], n: int):
    jump left(a, n)

right(x: f32[2], i: int):
    y: f32[2] = compute g(x)
    j: int = add(i, 1)
    more: bool = lt(j, 3)
    branch more ? right2(y, j) : halt(y)

right2(b: f32[2], m: int):
    jump right(b, m)

stop(h: f32[2]):
    return tuple(h, 1)

halt(x: f32[2]):
    return tuple(x, 1)

graph f {
    (a: f32[2]):
        b = add(a, @w)
        return b
}

graph g {
    (x: f32[2]):
        y = add(x, @w)
        return y
}
"""
CALLS = [(x, p) for (x,) in VECTORS for p in (True, False)]


def test_equal_loops_become_one() -> None:
    result = optimized(DedupeBlocks(), LOOPS, CALLS)
    assert list(result.program.blocks) == ["start", "left", "left2", "stop"]
    assert "    branch p ? left(x, 0) : left(x, 2)\n" in show(result.program)
    assert list(result.program.graphs) == ["f"]
    assert "`halt` is the same as `stop`" in result.notes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return tuple(x, 1)", "return tuple(x, True)"),
        ("return tuple(x, 1)", "return list(x, 1)"),
        ("j: int = add(i, 1)", "j: int = add(1, i)"),
        ("lt(j, 3)", "le(j, 3)"),
        ("y = add(x, @w)", "y = add(x, @v)"),
        ("right2(y, j) : halt(y)", "right2(x, j) : halt(y)"),
        ("jump right(b, m)", "jump left(b, 2)"),
    ],
)
def test_a_difference_far_along_keeps_loops_apart(old: str, new: str) -> None:
    program = optimized(DedupeBlocks(), LOOPS.replace(old, new), CALLS).program
    assert {"left", "right"} <= set(program.blocks)


RAISES = """\
program p

method forward(x: f32[2], p: bool)
    entry start(x, p)

state

start(x: f32[2], p: bool):
    branch p ? a(x) : b(x)

a(x: f32[2]):
    raise ValueError("no") @ net.py:ONE:1-9:9

b(x: f32[2]):
    raise ValueError("no") @ net.py:TWO:1-9:9
"""


def test_what_raises_is_the_same_only_at_the_same_place() -> None:
    same = RAISES.replace("ONE", "3").replace("TWO", "3")
    assert list(optimized(DedupeBlocks(), same, CALLS).program.blocks) == ["start", "a"]
    other = RAISES.replace("ONE", "3").replace("TWO", "4")
    assert not run(DedupeBlocks(), read(other)).modified


def test_an_instruction_that_may_raise_has_a_place_too() -> None:
    text = RAISES.replace('raise ValueError("no") @', "return 1 @")
    step = "(x: f32[2]):\n    k: float = truediv(1, 0) @ net.py:{}:1-9:9"
    text = text.replace("a(x: f32[2]):", "a" + step.format("ONE")).replace(
        "b(x: f32[2]):", "b" + step.format("TWO")
    )
    same = text.replace("ONE", "3").replace("TWO", "3")
    assert list(run(DedupeBlocks(), read(same)).program.blocks) == ["start", "a"]
    assert not run(DedupeBlocks(), read(text.replace("ONE", "3").replace("TWO", "4"))).modified


SYMBOLS = """\
program p

method forward(x: f32[m, 2], p: bool)
    entry start(x, p)

state

start(x: f32[s0, 2], p: bool):
    branch p ? a(x) : b(x)

a(x: f32[s0, 2]): @ n.py:1:1-1:9
    return x

b(y: f32[s4, 2]): @ n.py:2:1-2:9
    return y
"""


def test_symbols_are_names_too() -> None:
    calls = [(torch.zeros(3, 2), True), (torch.ones(2, 2), False)]
    program = optimized(DedupeBlocks(), SYMBOLS, calls).program
    assert [span.line for span in program.blocks["a"].spans] == [1, 2]
    other = SYMBOLS.replace("s4, 2", "s4, s5")
    assert not run(DedupeBlocks(), read(other)).modified


def test_entries_lead_to_the_copy_that_is_kept() -> None:
    text = LOOPS.replace(
        "    entry start(x, p)",
        "    entry start(x, p)\n\nmethod other(x: f32[2], n: int)\n    entry right(x, n)",
    )
    program = run(DedupeBlocks(), read(text)).program
    assert program.methods["other"].entries[0].block == "left"


def test_digests_are_taken_once_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    digest = OPS.digest
    monkeypatch.setattr(OPS, "digest", lambda graph: seen.append(graph) or digest(graph))
    DedupeBlocks().run(read(LOOPS), OPS)
    assert len(seen) == 2

"""merge-blocks: skips forwarding blocks, merges straight lines, fuses their graphs."""

from __future__ import annotations

import torch
from tests.passes.toys import VECTORS, optimized, outcomes, read, run, show

from dyncc.ir import Span
from dyncc.passes.merge_blocks import MergeBlocks

LINE = """\
program p

method forward(x: f32[2])
    entry a(x)

state

a(x: f32[2]):
    h: f32[2] = compute f(x)
    jump b(h, x, 3)

b(h: f32[2], y: f32[2], n: int):
    m: int = add(n, 1)
    z: f32[2] = compute g(h, y, n)
    jump c(z, m)

c(h: f32[2], n: int):
    return tuple(h, n)

graph f {
    (x: f32[2]):
        r = relu(x)
        return r
}

graph g {
    (a: f32[2], b: f32[2], n: int):
        s = add(a, b)
        t = mul(s, n)
        u = add(t, @w)
        return u
}
"""


def test_a_straight_line_becomes_one_block_with_one_graph() -> None:
    result = optimized(MergeBlocks(), LINE, VECTORS)
    assert (
        show(result.program)
        == """\
method forward(x: f32[2])
    entry a(x)

state

a(x: f32[2]):
    h: f32[2], z: f32[2] = compute f(x, 3)
    m: int = add(3, 1)
    return tuple(z, m)

graph f {
    (x: f32[2], n: int):
        r = relu(x)
        s = add(r, x)
        t = mul(s, n)
        u = add(t, @w)
        return r, u
}
"""
    )
    assert result.notes == ("`b` is part of `a`", "`c` is part of `a`", "the graphs of `a` are one")


LOOP = """\
program p

method forward(x: f32[2])
    entry start(x)

state

start(x: f32[2]):
    jump loop(x, 0)

loop(h: f32[2], n: int):
    go: bool = lt(n, 3)
    branch go ? step(h, n) : over(h)

step(h: f32[2], n: int):
    g: f32[2] = compute f(h)
    jump back(n, g)

back(n: int, g: f32[2]):
    m: int = add(n, 1)
    jump pass(g, m)

pass(g: f32[2], m: int):
    jump loop(g, m)

over(h: f32[2]):
    jump end(h)

end(h: f32[2]):
    return h

graph f {
    (x: f32[2]):
        r = add(x, @v)
        return r
}
"""


def test_forwarding_blocks_are_skipped_and_loops_stay() -> None:
    result = optimized(MergeBlocks(), LOOP, VECTORS)
    assert list(result.program.blocks) == ["start", "loop", "step", "end"]
    assert "    branch go ? step(h, n) : end(h)\n" in show(result.program)
    assert "    m: int = add(n, 1)\n    jump loop(g, m)\n" in show(result.program)


def test_a_block_with_two_ways_in_or_an_entry_stays() -> None:
    text = LINE.replace("    jump c(z, m)", "    q: bool = lt(m, 2)\n    branch q ? c(z, m) : c(y, n)")
    assert list(optimized(MergeBlocks(), text, VECTORS).program.blocks) == ["a", "c"]
    entry = LINE.replace("    entry a(x)", "    entry a(x)\n    entry e(x)").replace(
        "state\n", "state\n\nstate\n", 1
    )
    entry = entry.replace("c(h:", "e(h: f32[2]):\n    jump e(h)\n\nc(h:")
    assert list(optimized(MergeBlocks(), entry, VECTORS).program.blocks) == ["a", "e"]


def test_the_start_of_another_method_stays() -> None:
    other = "    entry a(x)\n\nmethod other(h: f32[2], n: int)\n    entry c(h, n)"
    text = LINE.replace("    entry a(x)", other, 1)
    assert list(optimized(MergeBlocks(), text, VECTORS).program.blocks) == ["a", "c"]


def test_a_loop_of_nothing_stays() -> None:
    text = LINE.replace(
        "    return tuple(h, n)", "    jump d()\n\nd():\n    jump c2()\n\nc2():\n    jump d()"
    )
    program = run(MergeBlocks(), read(text)).program
    assert outcomes(program, VECTORS)[0].startswith("StepLimitExceeded")


BETWEEN = """\
program p

method forward(x: f32[2], items: list<int>)
    entry a(x, items)

state

a(x: f32[2], items: list<int>):
    h: f32[2], p: bool[] = compute f(x)
    STEP
    z: f32[2] = compute g(INPUT)
    return tuple(z, q)

graph f {
    (x: f32[2]):
        h = relu(x)
        p = any(h)
        return h, p
}

graph g {
    (a: f32[2], n):
        s = add(a, n)
        return s
}
"""


def _computes(step: str, inputs: str) -> int:
    text = BETWEEN.replace("STEP", step).replace("INPUT", inputs)
    return show(run(MergeBlocks(), read(text)).program).count("compute")


def test_computes_move_past_host_instructions_unless_these_need_both_or_may_raise() -> None:
    assert _computes("q: bool = item(p)", "h, 2") == 1
    assert _computes("q: bool = item(p)", "h, q") == 2
    assert _computes("q: int = list_len(items)", "h, q") == 1
    assert _computes("q: int = list_get(items, 0)", "h, 2") == 2


def test_computes_that_stay_apart_can_still_be_fused_with_others() -> None:
    text = BETWEEN.replace("STEP", "q: bool = item(p)").replace(
        "    z: f32[2] = compute g(INPUT)\n",
        "    y: f32[2] = compute g(h, q)\n    z: f32[2] = compute g(y, 2)\n",
    )
    result = run(MergeBlocks(), read(text))
    assert show(result.program).count("compute") == 2


SIZES = """\
program p

method forward(x: f32[k, 2])
    entry a(x)

state

a(x: f32[s0, 2]):
    h: f32[s0, 2], u: f32[s1] = compute f(x)
    jump b(h, u)

b(g: f32[s1, 2], w: f32[s0]):
    v: f32[s1, 2], z: f32[s2] = compute g(g, w)
    return tuple(v, z)

graph f {
    (x: f32[n, 2]):
        h = relu(x)
        t = sum(x, 1)
        u = sort(t)
        return h, t
}

graph g {
    (a: f32[s0, 2], b: f32[n]):
        v = relu(a)
        z = neg(b)
        return v, z
}
"""


def test_symbols_of_the_second_block_and_graph_are_renamed() -> None:
    calls = [(torch.randn(3, 2),), (torch.randn(1, 2),)]
    text = show(optimized(MergeBlocks(), SIZES, calls).program)
    assert "    h: f32[s0, 2], u: f32[s1], v: f32[s0, 2], z: f32[s2] = compute f(x)\n" in text
    assert "    (x: f32[s0, 2]):\n" in text


def test_a_symbol_that_nothing_binds_gets_a_new_name() -> None:
    text = SIZES.replace("z: f32[s2]", "z: f32[s9]").replace("u: f32[s1]", "u: f32[s9]")
    shown = show(run(MergeBlocks(), read(text)).program)
    assert "u: f32[s9], v: f32[s0, 2], z: f32[s9_1] = compute" in shown


def test_names_that_are_taken_are_renamed() -> None:
    text = LINE.replace("z: f32[2]", "x: f32[2]").replace("jump c(z, m)", "jump c(x, m)")
    shown = show(optimized(MergeBlocks(), text, VECTORS).program)
    assert "h: f32[2], x.1: f32[2] = compute f(x, 3)" in shown
    assert "return tuple(x.1, m)" in shown


def test_a_graph_that_others_use_stays() -> None:
    text = LINE.replace("    return tuple(h, n)", "    q: bool = lt(n, 9)\n    branch q ? d(h) : e(h)")
    text = text.replace(
        "graph f", "d(h: f32[2]):\n    k: f32[2] = compute f(h)\n    return k\n\ngraph f", 1
    )
    text = text.replace("graph f", "e(h: f32[2]):\n    return h\n\ngraph f", 1)
    result = optimized(MergeBlocks(), text, VECTORS)
    assert list(result.program.graphs) == ["f", "f.1"]
    assert "    k: f32[2] = compute f(h)\n" in show(result.program)


def test_source_places_and_notes_are_kept() -> None:
    program = read(LINE)
    span = Span("n.py", 3, 1, 3, 9)
    blocks = dict(program.blocks)
    object.__setattr__(blocks["b"], "spans", (span,))
    object.__setattr__(blocks["b"], "note", "Net.forward:3")
    merged = run(MergeBlocks(), program).program.blocks["a"]
    assert merged.spans == (span,)
    assert merged.note == "Net.forward:3"

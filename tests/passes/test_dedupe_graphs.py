"""dedupe-graphs: equal graphs get one name."""

from __future__ import annotations

from tests.passes.toys import VECTORS, optimized, read, run, show

from dyncc.passes.dedupe_graphs import DedupeGraphs

TEXT = """\
program p

method forward(x: f32[2])
    entry a(x)

state

a(x: f32[2]):
    h: f32[2] = compute f(x)
    k: f32[2] = compute g(h)
    return tuple(h, k)

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


def test_equal_graphs_get_one_name() -> None:
    result = optimized(DedupeGraphs(), TEXT, VECTORS)
    assert list(result.program.graphs) == ["f"]
    assert "    k: f32[2] = compute f(h)\n" in show(result.program)
    assert result.notes == ("graph `g` is the same as `f`",)


def test_graphs_of_other_weights_or_types_stay() -> None:
    assert not run(DedupeGraphs(), read(TEXT.replace("y = add(x, @w)", "y = add(x, @v)"))).modified
    assert not run(
        DedupeGraphs(), read(TEXT.replace("(x: f32[2]):\n        y", "(x: f32[s0]):\n        y"))
    ).modified

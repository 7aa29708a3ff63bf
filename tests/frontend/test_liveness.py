"""Liveness: no more than is read."""

from __future__ import annotations

from collections.abc import Callable

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.build import build


def live(function: Callable[..., object], kind: type[cfg.Instruction | cfg.Terminator]) -> list[set[str]]:
    """The variables live before each instruction of a kind; temporaries left out."""
    graph = build(function.__code__)
    return [
        {r for r in graph.live_at[block.label, i] if not r.startswith("%")}
        for block in graph.blocks.values()
        for i, node in enumerate((*block.instructions, block.terminator))
        if isinstance(node, kind)
    ]


def test_dead_after_the_last_use() -> None:
    def function(x, y):
        z = x + 1
        z = y(z)
        return y

    assert live(function, cfg.Binary) == [{"x", "y"}]
    assert live(function, cfg.Call) == [{"y"}]
    assert live(function, cfg.Return) == [{"y"}]


def test_a_loop_keeps_what_its_next_turn_reads() -> None:
    def function(xs, a, b):
        for x in xs:
            x(a)
        return b

    assert live(function, cfg.ForNext) == [{"a", "b"}]
    assert live(function, cfg.Call) == [{"a", "b"}]


def test_an_exhausted_loop_keeps_its_variable() -> None:
    def function(xs, x):
        for x in xs:  # noqa: B007
            pass
        return x

    assert live(function, cfg.ForNext) == [{"x"}]


def test_what_a_handler_reads_is_live_where_an_exception_may_arise() -> None:
    def function(f, x):
        y = 0
        try:
            y = f(x)
            y = f(y)
        except ValueError:
            return y
        return 1

    assert live(function, cfg.Call) == [{"f", "x", "y"}, {"f", "y"}]
    graph = build(function.__code__)
    assert "y" not in graph.live_in[graph.entry]


def test_one_side_of_a_branch() -> None:
    def function(c, a, b):
        if c:
            return a
        return b

    assert live(function, cfg.If) == [{"a", "b", "c"}]
    assert live(function, cfg.Return) == [{"a"}, {"b"}]


def test_cells_are_not_registers() -> None:
    def function(a, b):
        def inner():
            return a

        b(inner)
        return a

    graph = build(function.__code__)
    assert graph.cellvars == ("a",)
    assert all("a" not in registers for registers in graph.live_at.values())


def test_deleting_reads() -> None:
    def function(x):
        x = x + 1
        del x

    assert live(function, cfg.Delete) == [{"x"}]

"""Back edges, loops and paths of small control flows."""

from __future__ import annotations

from dyncc.compiler.report.flow import Flow


def flow(*successors: list[int], flops: list[int] | None = None) -> Flow:
    return Flow.of(successors, [0], flops or [1] * len(successors))


def test_paths_of_a_diamond() -> None:
    diamond = flow([1, 2], [3], [3], [], flops=[1, 5, 2, 1])
    assert diamond.back == frozenset() and diamond.loops() == []
    assert diamond.cheapest([0])[3] == [0, 2, 3]
    assert diamond.dearest([0])[3] == [0, 1, 3]
    assert diamond.behind_loops() == frozenset()


def test_nested_loops() -> None:
    nested = flow([1], [2], [2, 3], [1, 4], [])
    assert nested.back == {(2, 0), (3, 0)}
    assert [(sorted(loop.blocks), loop.back) for loop in nested.loops()] == [
        ([1, 2, 3], ((3, 0),)),
        ([2], ((2, 0),)),
    ]
    assert nested.behind_loops() == {1, 2, 3, 4}


def test_a_loop_of_two_entries_is_one_loop() -> None:
    """As a first turn that was specialized apart leaves it."""
    peeled = flow([1, 2], [2], [3], [1, 2, 4], [])
    (loop,) = peeled.loops()
    assert loop.blocks == {1, 2, 3} and set(loop.back) == {(3, 0), (3, 1)}


def test_an_entry_in_a_loop() -> None:
    assert [loop.blocks for loop in flow([1], [0, 2], []).loops()] == [{0, 1}]


def test_what_no_entry_reaches_has_no_path() -> None:
    assert 2 not in flow([1], [], [1]).cheapest([0])

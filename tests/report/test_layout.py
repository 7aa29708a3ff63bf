"""Where boxes and lines come to lie, and what is folded."""

from __future__ import annotations

import time
from itertools import combinations

import pytest
from tests.report.chains import exits, gates

from dyncc.compiler.report.drawing import _picture
from dyncc.compiler.report.figure import figures, flow_of
from dyncc.compiler.report.flow import Flow
from dyncc.compiler.report.folding import folds
from dyncc.compiler.report.layout import Node, Picture, draw


def picture(successors: list[list[int]], width: float = 100, height: float = 50) -> Picture:
    flow = Flow.of(successors, [0], [0] * len(successors))
    edges = [(node, target) for node, targets in enumerate(successors) for target in targets]
    positions = [(node, position) for node, to in enumerate(successors) for position in range(len(to))]
    back = frozenset(number for number, edge in enumerate(positions) if edge in flow.back)
    return draw([Node(width, height)] * len(successors), edges, back, flow.order())


def apart(drawn: Picture, width: float = 100, height: float = 50) -> bool:
    return all(
        abs(one[0] - two[0]) >= width or abs(one[1] - two[1]) >= height
        for one, two in combinations(drawn.tops, 2)
    )


def test_a_chain_is_straight() -> None:
    drawn = picture([[1], [2], []])
    assert len({round(x) for x, _ in drawn.tops}) == 1
    assert [y for _, y in drawn.tops] == sorted(y for _, y in drawn.tops)


def test_boxes_lie_apart_and_inside_the_picture() -> None:
    drawn = picture([[1, 2, 3], [4], [4, 5], [5], [6], [6, 1], []])
    assert apart(drawn)
    for x, y in drawn.tops:
        assert drawn.left <= x - 50 and x + 50 <= drawn.left + drawn.width
        assert y >= 0 and y + 50 <= drawn.height


def test_two_ways_that_need_not_cross_do_not() -> None:
    drawn = picture([[1, 2], [4], [3], [], []])
    assert (drawn.tops[1][0] < drawn.tops[2][0]) == (drawn.tops[4][0] < drawn.tops[3][0])


def test_a_back_edge_goes_up_beside_the_boxes() -> None:
    drawn = picture([[1], [2], [1, 3], []])
    (back,) = [segment for segment in drawn.segments if segment.back]
    assert back.points[0][1] > back.points[-1][1], "upwards"
    lane = min(x for x, _ in back.points)
    assert all(lane < x - 50 for x, _ in drawn.tops[1:3])


def test_a_block_that_repeats_itself() -> None:
    drawn = picture([[1], [1, 2], []])
    assert [segment.edges for segment in drawn.segments if segment.back] == [(1,)]


def test_no_line_runs_through_a_box() -> None:
    drawn = picture([[1, 5], [2, 5], [3, 5], [4, 5], [5], []])
    for segment in drawn.segments:
        for x, y in segment.points[1:-1]:
            assert not any(abs(x - bx) < 50 and by < y < by + 50 for bx, by in drawn.tops)


def test_early_exits_to_one_return_share_a_line() -> None:
    count = 300
    drawn = _picture(figures(exits(count))[0])
    assert len(drawn.segments) < 4 * count


def test_a_chain_of_gates_is_folded() -> None:
    facts = gates(54)
    (fold,) = folds(facts.blocks, flow_of(facts))
    assert fold.times >= 50 and len(fold.blocks) == 2 * fold.times
    whole, folded = figures(facts)
    assert len(whole.boxes) == 110
    assert folded is not None and len(folded.boxes) <= 10
    assert sum(len(box.blocks) for box in folded.boxes) == 109, "every block is in one box"


def test_what_does_not_repeat_is_not_folded() -> None:
    assert figures(gates(3))[1] is None


@pytest.mark.parametrize("facts", [gates(54), gates(250), exits(300)], ids=["54", "250", "exits"])
def test_a_large_picture_is_quick(facts: object) -> None:
    started = time.process_time()
    _picture(figures(facts)[0])  # type: ignore[arg-type]
    assert time.process_time() - started < 5


def test_a_long_chain_with_exits_does_not_drift() -> None:
    drawn = _picture(figures(exits(60))[0])
    assert len({round(x) for x, _ in drawn.tops}) == 1

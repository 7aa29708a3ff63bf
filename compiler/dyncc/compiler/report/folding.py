"""Repeated regions of a control flow: a picture shows the first and the last of them and one box between.

Blocks are put in a row, by their layers. A region is a stretch of the row that comes again and again:
blocks of the same lines that end alike, with ways that lead equally far along the row, or to the very same
block.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from dyncc.compiler.report.facts import BlockFacts
from dyncc.compiler.report.flow import Flow
from dyncc.compiler.report.layout import layers_of

_LONGEST = 8
"""The most blocks of one region."""
_FEWEST = 5
"""Regions that are alike, so that some are folded."""
_FEWEST_APART = 17
"""The same where one does not lead to the next: they are cases of one switch, and side by side."""


@dataclass(frozen=True)
class Fold:
    """``blocks`` (positions) are ``times`` regions that are like those before and after them."""

    blocks: tuple[int, ...]
    times: int


def folds(blocks: Sequence[BlockFacts], flow: Flow) -> list[Fold]:
    """What can be folded; no block is in two of them."""
    row = _row(blocks, flow)
    place = {block: position for position, block in enumerate(row)}
    marks = [_mark(blocks[block]) for block in row]
    ways = [flow.successors[block] for block in row]

    def alike(position: int, other: int) -> bool:
        return marks[position] == marks[other] and all(
            one == two or place[two] - place[one] == other - position
            for one, two in zip(ways[position], ways[other], strict=True)
        )

    found: list[Fold] = []
    start = 0
    while start < len(row):
        times, period = max(_repeats(start, period, len(row), alike) for period in range(1, _LONGEST + 1))
        period = -period
        first = row[start : start + max(period, 1)]
        after = set(row[start + period : start + 2 * period])
        leads = any(target in after for block in first for target in flow.successors[block])
        if times < (_FEWEST if leads else _FEWEST_APART):
            start += 1
            continue
        inner = row[start + period : start + period * (times - 1)]
        found.append(Fold(tuple(inner), times - 2))
        start += period * times
    return found


def _repeats(start: int, period: int, size: int, alike: Callable[[int, int], bool]) -> tuple[int, int]:
    """How often the stretch of ``period`` from ``start`` comes, and ``-period`` (short ones are better)."""
    end = start
    while end + period < size and alike(end, end + period):
        end += 1
    times = (end - start) // period + 1
    return (times, -period) if times >= _FEWEST else (0, -period)


def _row(blocks: Sequence[BlockFacts], flow: Flow) -> list[int]:
    edges, back = [], set[int]()
    for node, targets in enumerate(flow.successors):
        for position, target in enumerate(targets):
            if (node, position) in flow.back:
                back.add(len(edges))
            edges.append((node, target))
    layers = layers_of(len(blocks), edges, frozenset(back), flow.order())
    return sorted(range(len(blocks)), key=lambda node: (layers[node], repr(_mark(blocks[node])), node))


def _mark(block: BlockFacts) -> Hashable:
    """What blocks of one kind have in common."""
    labels = tuple(way.label for way in block.ways)
    return block.place, block.end, block.decides, labels

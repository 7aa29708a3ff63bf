"""Rewrites of the graph before it is structured: fewer places, and short circuits as ``and`` and ``or``.

A place that only decides, and that only one other decision leads to, is folded into that decision if both
have a way to the same place with the same assignments on it.
"""

from __future__ import annotations

from collections import Counter

from dyncc.runtime.host.expressions import both, either, negate
from dyncc.runtime.host.shape import Exit, Place


def skip_empty(places: dict[str, Place], keep: str) -> None:
    """Lead edges past places that do nothing. ``keep`` (the entry) stays."""
    for place in places.values():
        for exit in place.exits:
            seen = {exit.target}
            while True:
                target = places[exit.target]
                if target.lines or len(target.exits) != 1 or target.exits[0].lines or target.name == keep:
                    break
                (onward,) = target.exits
                if onward.target in seen:
                    break
                seen.add(onward.target)
                if exit.lines:
                    exit.args = None
                else:
                    exit.args = onward.args
                exit.target = onward.target
    _drop_unreached(places, keep)


def merge_cases(places: dict[str, Place]) -> None:
    """Make one case of all numbers for which a switch goes the same way: an index from either end."""
    for place in places.values():
        if place.cases is None:
            continue
        found: list[tuple[tuple[int, ...], Exit]] = []
        for numbers, exit in zip(place.cases, place.exits[:-1], strict=True):
            for index, (others, other) in enumerate(found):
                if alike(exit, other):
                    found[index] = ((*others, *numbers), other)
                    break
            else:
                found.append((numbers, exit))
        place.cases = tuple(numbers for numbers, _ in found)
        place.exits = [*(exit for _, exit in found), place.exits[-1]]


def merge_decisions(places: dict[str, Place], entry: str) -> None:
    """Fold decisions into the decisions before them."""
    ways = Counter(exit.target for place in places.values() for exit in place.exits)
    for name in list(places):
        while name in places and _merge_one(places[name], places, ways):
            pass
    _drop_unreached(places, entry)


def _merge_one(place: Place, places: dict[str, Place], ways: Counter[str]) -> bool:
    if place.decision is None or place.cases is not None:
        return False
    for index in (0, 1):
        way, other = place.exits[index], place.exits[1 - index]
        second = places[way.target]
        if (
            second is place
            or second.lines
            or second.decision is None
            or second.cases is not None
            or way.lines
            or ways[second.name] != 1
        ):
            continue
        for number in (0, 1):
            same, onward = second.exits[number], second.exits[1 - number]
            if not alike(same, other):
                continue
            # On the first decision's way to the second, the second decides between ``onward`` and ``same``.
            onward_if = second.decision if number == 1 else negate(second.decision)
            if index == 0:
                place.decision, place.exits = both(place.decision, onward_if), [onward, other]
            else:
                same_if = second.decision if number == 0 else negate(second.decision)
                place.decision, place.exits = either(place.decision, same_if), [other, onward]
            ways[same.target] -= 1
            ways[second.name] = 0
            del places[second.name]
            return True
    return False


def alike(one: Exit, other: Exit) -> bool:
    """Whether both lead to one place with the same lines."""
    return one.target == other.target and [line.text for line in one.lines] == [
        line.text for line in other.lines
    ]


def _drop_unreached(places: dict[str, Place], entry: str) -> None:
    seen = {entry}
    work = [entry]
    while work:
        for exit in places[work.pop()].exits:
            if exit.target not in seen:
                seen.add(exit.target)
                work.append(exit.target)
    for name in [name for name in places if name not in seen]:
        del places[name]

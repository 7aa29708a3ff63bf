"""``sorted`` and ``list.sort`` where the order depends on values of tensors.

They ask what CPython asks, in its order (listobject.c: a run at the beginning, then a binary insertion
sort, which is all there is below 64 elements), so each answer leads where eager goes, also answers that
contradict each other (NaN), and the decisions that are forced in a check are the same ones.
"""

from __future__ import annotations

import sys
from typing import Any


def sorted_list(iterable: Any, key: Any, reverse: Any) -> Any:
    candidates = []
    keys = []
    for item in iterable:
        candidates.append(item)
        keys.append(item if key is None else key(item))
    return in_order(candidates, keys, reverse)


def sort_in_place(items: Any, key: Any, reverse: Any) -> Any:
    values = list(items)
    items.clear()
    items[:] = sorted_list(values, key, reverse)


def in_order(candidates: Any, candidate_keys: Any, reverse: Any) -> Any:
    """Stable, by decisions (see ``choices`` for the short way).

    Keys and items are lists of their own, so that each has elements of one type.
    """
    keys = list(candidate_keys)
    items = list(candidates)
    if reverse:  # twice, so that what is equal keeps its order
        keys.reverse()
        items.reverse()
    run = first_run_since_313(keys, items) if SINCE_313 else first_run_before_313(keys, items)
    for end in range(run, len(keys)):
        pivot = keys[end]
        low = 0
        high = end
        while low < high:
            middle = (low + high) // 2
            if pivot < keys[middle]:
                high = middle
            else:
                low = middle + 1
        keys.insert(low, keys.pop(end))
        items.insert(low, items.pop(end))
    if reverse:
        items.reverse()
    return items


SINCE_313 = sys.version_info >= (3, 13)


def first_run_before_313(keys: Any, items: Any) -> Any:
    """How many elements at the beginning are in order; a strictly descending run is turned."""
    if len(keys) < 2:
        return len(keys)
    end = 2
    if keys[1] < keys[0]:
        while end < len(keys) and keys[end] < keys[end - 1]:
            end += 1
        turn(keys, items, 0, end)
    else:
        while end < len(keys) and not keys[end] < keys[end - 1]:
            end += 1
    return end


def first_run_since_313(keys: Any, items: Any) -> Any:
    """The same; a descending run may have equal elements in it, which keep their order."""
    end = 1
    while end < len(keys) and not keys[end] < keys[end - 1]:
        end += 1
    if end >= len(keys):
        return len(keys)
    if end > 1:
        if keys[0] < keys[end - 1]:
            return end
        turn(keys, items, 0, end)
    end += 1
    equal = 0
    while end < len(keys):
        if keys[end] < keys[end - 1]:
            if equal:
                turn(keys, items, end - equal - 1, end)
            equal = 0
        elif keys[end - 1] < keys[end]:
            break
        else:
            equal += 1
        end += 1
    if equal:
        turn(keys, items, end - equal - 1, end)
    turn(keys, items, 0, end)
    while end < len(keys) and not keys[end] < keys[end - 1]:
        end += 1
    return end


def turn(keys: Any, items: Any, start: Any, end: Any) -> Any:
    keys[start:end] = keys[start:end][::-1]
    items[start:end] = items[start:end][::-1]

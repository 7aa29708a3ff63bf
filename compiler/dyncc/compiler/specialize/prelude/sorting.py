"""``list.sort`` by decisions.

A comparison of tensors is a decision of the program. A list of known length is sorted by exactly the
comparisons that CPython makes, so that the compiled program takes the decisions of the original, in their
order, whatever the answers are (also where they contradict each other: NaN, or a path that a check forces).
The order of comparisons is that of CPython's ``Objects/listsort.txt`` for fewer than 64 elements: a run at
the start, then binary insertion.
"""

from __future__ import annotations

import sys
from typing import Any

TIES_IN_RUNS = sys.version_info >= (3, 13)
"""Whether a descending run may hold equal keys (CPython from 3.13 on)."""


def sorted_list(iterable: Any, key: Any, reverse: Any) -> Any:
    """Only used where the order depends on values of tensors."""
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


def by_insertion(candidates: Any, candidate_keys: Any, reverse: Any) -> Any:
    """Insertion sort, stable, that works on lists of run-time length as well.

    Keys and items are lists of their own, so that each has elements of one type. See :func:`in_order` for
    lists of known length.
    """
    keys = []
    items = []
    for index in range(len(candidates)):
        item = candidates[index]
        item_key = candidate_keys[index]
        position = len(keys)
        while position > 0:
            other = keys[position - 1]
            if reverse:
                if not other < item_key:
                    break
            elif not item_key < other:
                break
            position -= 1
        keys.insert(position, item_key)
        items.insert(position, item)
    return items


def in_order(candidates: Any, candidate_keys: Any, reverse: Any) -> Any:
    """The candidates in the order of their keys, by the comparisons that CPython makes.

    See ``choices`` for the short way, where keys are numbers.
    """
    items = list(candidates)
    keys = list(candidate_keys)
    if len(items) < 2:
        return items
    if reverse:
        items.reverse()
        keys.reverse()
    for index in range(first_run(items, keys), len(items)):
        item = items.pop(index)
        item_key = keys.pop(index)
        low = 0
        high = index
        while low < high:
            middle = (low + high) // 2
            if item_key < keys[middle]:
                high = middle
            else:
                low = middle + 1
        items.insert(low, item)
        keys.insert(low, item_key)
    if reverse:
        items.reverse()
    return items


def first_run(items: Any, keys: Any) -> Any:
    """The length of the ordered run at the start, which is ascending afterwards."""
    end = 1
    if TIES_IN_RUNS:
        while end < len(keys) and not keys[end] < keys[end - 1]:
            end += 1
        if end == len(keys) or (end > 1 and keys[0] < keys[end - 1]):
            return end
        turned(items, keys, 0, end if end > 1 else 0)
        return descending_run_with_ties(items, keys, end + 1)
    end = 2
    if keys[1] < keys[0]:
        while end < len(keys) and keys[end] < keys[end - 1]:
            end += 1
        turned(items, keys, 0, end)
    else:
        while end < len(keys) and not keys[end] < keys[end - 1]:
            end += 1
    return end


def descending_run_with_ties(items: Any, keys: Any, end: Any) -> Any:
    """Go on with a descending run of ``end`` keys, whose equal keys keep their order; then turn it."""
    ties = 0
    while end < len(keys):
        if keys[end] < keys[end - 1]:
            turned(items, keys, end - ties - 1, end)
            ties = 0
        elif keys[end - 1] < keys[end]:
            break
        else:
            ties += 1
        end += 1
    turned(items, keys, end - ties - 1, end)
    turned(items, keys, 0, end)
    while end < len(keys) and not keys[end] < keys[end - 1]:
        end += 1
    return end


def turned(items: Any, keys: Any, start: Any, end: Any) -> None:
    """Turn ``[start, end)`` around, in both lists."""
    for values in (items, keys):
        part = values[start:end]
        part.reverse()
        values[start:end] = part


def sequences_in_order(symbol: Any, left: Any, right: Any, numbers: Any) -> Any:
    """``left < right``, say, of two tuples or lists that begin with so many ``numbers`` each.

    Two sequences are compared by their first items that differ. Whether numbers do is computed.
    """
    head = left[:numbers]
    other_head = right[:numbers]
    if head != other_head:
        return in_this_order(symbol, head, other_head)
    for place in range(numbers, min(len(left), len(right))):
        item = left[place]
        other = right[place]
        if item is not other and not item == other:  # noqa: SIM201  # as CPython asks
            return in_this_order(symbol, item, other)
    return in_this_order(symbol, len(left), len(right))


def equal_sequences(symbol: Any, left: Any, right: Any, numbers: Any) -> Any:
    """``left == right`` (or ``!=``) of two tuples or lists, as :func:`sequences_in_order` compares them."""
    differ = symbol == "!="
    if isinstance(left, list) and len(left) != len(right):
        return differ
    if left[:numbers] != right[:numbers]:
        return differ
    for place in range(numbers, min(len(left), len(right))):
        item = left[place]
        other = right[place]
        if item is not other and not item == other:  # noqa: SIM201
            return differ
    return (len(left) == len(right)) != differ


def equal_lists(symbol: Any, left: Any, right: Any) -> Any:
    """``left == right`` (or ``!=``) of two lists of whole numbers, of which one has a run-time length."""
    differ = symbol == "!="
    if len(left) != len(right):
        return differ
    for place in range(len(left)):
        if left[place] != right[place]:
            return differ
    return not differ


def in_this_order(symbol: Any, one: Any, other: Any) -> Any:
    if symbol == "<":
        return one < other
    if symbol == "<=":
        return one <= other
    if symbol == ">":
        return one > other
    return one >= other

"""``heapq`` by decisions.

The comparisons are those of CPython's C code, in its order: `<` alone, of the same items. So the compiled
program takes the decisions of the original, whatever the answers are, and the heap has the same order.
"""

from __future__ import annotations

import heapq
import types
from typing import Any

from dyncc.compiler.specialize.prelude.iterators import MISSING


def pushed(heap: Any, item: Any) -> None:
    """``heappush``"""
    heap.append(item)
    rise(heap, 0, len(heap) - 1)


def popped(heap: Any) -> Any:
    """``heappop``"""
    if len(heap) == 0:
        raise IndexError("index out of range")
    last = heap.pop()
    if len(heap) == 0:
        return last
    least = heap[0]
    heap[0] = last
    sink(heap, 0)
    return least


def popped_greatest(heap: Any) -> Any:
    """``heapq._heappop_max``"""
    if len(heap) == 0:
        raise IndexError("index out of range")
    last = heap.pop()
    if len(heap) == 0:
        return last
    greatest = heap[0]
    heap[0] = last
    sink_in_falling(heap, 0)
    return greatest


def replaced(heap: Any, item: Any) -> Any:
    """``heapreplace``"""
    if len(heap) == 0:
        raise IndexError("index out of range")
    least = heap[0]
    heap[0] = item
    sink(heap, 0)
    return least


def replaced_greatest(heap: Any, item: Any) -> Any:
    """``heapq._heapreplace_max``"""
    if len(heap) == 0:
        raise IndexError("index out of range")
    greatest = heap[0]
    heap[0] = item
    sink_in_falling(heap, 0)
    return greatest


def pushed_and_popped(heap: Any, item: Any) -> Any:
    """``heappushpop``"""
    if len(heap) == 0:
        return item
    least = heap[0]
    if not least < item:
        return item
    heap[0] = item
    sink(heap, 0)
    return least


def made_heap(items: Any) -> None:
    """``heapify``"""
    for place in range(len(items) // 2 - 1, -1, -1):
        sink(items, place)


def made_falling_heap(items: Any) -> None:
    """``heapq._heapify_max``"""
    for place in range(len(items) // 2 - 1, -1, -1):
        sink_in_falling(items, place)


def rise(heap: Any, top: Any, place: Any) -> None:
    """Bring the item at ``place`` towards ``top``, past those that it is less than."""
    item = heap[place]
    while place > top:
        above = (place - 1) >> 1
        other = heap[above]
        if not item < other:
            break
        heap[above] = item
        heap[place] = other
        place = above


def sink(heap: Any, place: Any) -> None:
    """Bring the item at ``place`` down to where nothing is below it, past the lesser of two; then up."""
    top = place
    count = len(heap)
    while place < count >> 1:
        below = 2 * place + 1
        if below + 1 < count and not heap[below] < heap[below + 1]:
            below += 1
        item = heap[place]
        heap[place] = heap[below]
        heap[below] = item
        place = below
    rise(heap, top, place)


def rise_in_falling(heap: Any, top: Any, place: Any) -> None:
    """As :func:`rise`, in a heap with the greatest item at its top."""
    item = heap[place]
    while place > top:
        above = (place - 1) >> 1
        other = heap[above]
        if not other < item:
            break
        heap[above] = item
        heap[place] = other
        place = above


def sink_in_falling(heap: Any, place: Any) -> None:
    """As :func:`sink`, in a heap with the greatest item at its top."""
    top = place
    count = len(heap)
    while place < count >> 1:
        below = 2 * place + 1
        if below + 1 < count and not heap[below + 1] < heap[below]:
            below += 1
        item = heap[place]
        heap[place] = heap[below]
        heap[below] = item
        place = below
    rise_in_falling(heap, top, place)


def merged(*iterables: Any, key: Any = None, reverse: Any = False) -> Any:
    """``merge``: a heap of the iterators' next items, each with its place and what it is ordered by."""
    iterators = []
    heap = []
    for iterable in iterables:
        iterator = iter(iterable)
        item = next(iterator, MISSING)
        if item is not MISSING:
            place = -len(iterators) if reverse else len(iterators)
            heap.append([item if key is None else key(item), place, item])
        iterators.append(iterator)
    if reverse:
        made_falling_heap(heap)
    else:
        made_heap(heap)
    while len(heap) > 1:
        entry = heap[0]
        yield entry[2]
        item = next(iterators[abs(entry[1])], MISSING)
        if item is MISSING and reverse:
            popped_greatest(heap)
        elif item is MISSING:
            popped(heap)
        else:
            entry[0] = item if key is None else key(item)
            entry[2] = item
            if reverse:
                replaced_greatest(heap, entry)
            else:
                replaced(heap, entry)
    if heap:
        yield heap[0][2]
        yield from iterators[abs(heap[0][1])]


def largest(count: Any, iterable: Any, key: Any = None) -> Any:
    """``nlargest``"""
    if count == 1:
        found = max(iterable, default=MISSING, key=key)
        return [] if found is MISSING else [found]
    items, keys = with_keys(iterable, key)
    return foremost(count, items, keys, True)


def smallest(count: Any, iterable: Any, key: Any = None) -> Any:
    """``nsmallest``"""
    if count == 1:
        found = min(iterable, default=MISSING, key=key)
        return [] if found is MISSING else [found]
    items, keys = with_keys(iterable, key)
    return foremost(count, items, keys, False)


def with_keys(iterable: Any, key: Any) -> Any:
    items = []
    keys = []
    for item in iterable:
        items.append(item)
        keys.append(item if key is None else key(item))
    return items, keys


def foremost(count: Any, items: Any, keys: Any, greatest: Any) -> Any:
    """The items with the largest or smallest keys (see ``choices`` for the short way)."""
    found = []
    for place in places(count, keys, greatest):
        found.append(items[place])
    return found


def places(count: Any, keys: Any, greatest: Any) -> Any:
    """Where the largest or smallest keys are, by the decisions of the library."""

    def key_at(place: Any) -> Any:
        return keys[place]

    choose = CHOOSE_LARGEST if greatest else CHOOSE_SMALLEST
    return choose(count, range(len(keys)), key_at)


def _definition(function: Any) -> Any:
    """A function of the library, as another object: no model stands in its place."""
    code, names = function.__code__, function.__globals__
    return types.FunctionType(code, names, function.__name__, function.__defaults__)


CHOOSE_LARGEST = _definition(heapq.nlargest)
CHOOSE_SMALLEST = _definition(heapq.nsmallest)
DECIDING = (
    pushed, popped, popped_greatest, replaced, replaced_greatest, pushed_and_popped, made_heap,
    made_falling_heap, rise, sink, rise_in_falling, sink_in_falling, largest, smallest, with_keys, foremost,
    places,
)  # fmt: skip
"""What is only called where an item may decide."""

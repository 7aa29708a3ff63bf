"""The iterators of ``itertools`` that call back, or that are alive across decisions, as generators."""

from __future__ import annotations

import operator
from typing import Any

from dyncc.compiler.specialize.prelude.iterators import MISSING


def accumulate(iterable: Any, func: Any = operator.add, *, initial: Any = None) -> Any:
    iterator = iter(iterable)
    total = initial
    if initial is None:
        total = next(iterator, MISSING)
        if total is MISSING:
            return
    yield total
    for item in iterator:
        total = total + item if func is None else func(total, item)
        yield total


def takewhile(predicate: Any, iterable: Any) -> Any:
    for item in iterable:
        if not predicate(item):
            return
        yield item


def dropwhile(predicate: Any, iterable: Any) -> Any:
    dropping = True
    for item in iterable:
        if dropping and predicate(item):
            continue
        dropping = False
        yield item


def filterfalse(predicate: Any, iterable: Any) -> Any:
    for item in iterable:
        if not (item if predicate is None else predicate(item)):
            yield item


def compress(data: Any, selectors: Any) -> Any:
    for item, chosen in zip(data, selectors):  # noqa: B905
        if chosen:
            yield item


def starmap(function: Any, iterable: Any) -> Any:
    for args in iterable:
        yield function(*args)


def pairwise(iterable: Any) -> Any:
    iterator = iter(iterable)
    before = next(iterator, MISSING)
    if before is MISSING:
        return
    for item in iterator:
        yield before, item
        before = item


def cycle(iterable: Any) -> Any:
    items = []
    for item in iterable:
        yield item
        items.append(item)
    while items:
        for item in items:
            yield item


def zip_longest(*iterables: Any, fillvalue: Any = None) -> Any:
    iterators = [iter(iterable) for iterable in iterables]
    ended = [False for _ in iterators]
    while True:
        values = []
        for position, iterator in enumerate(iterators):
            value = MISSING if ended[position] else next(iterator, MISSING)
            if value is MISSING:
                ended[position] = True
                value = fillvalue
            values.append(value)
        if all(ended):
            return
        yield tuple(values)


def groupby(iterable: Any, key: Any = None) -> Any:
    """A group is made whole when it is given, and is empty once the next one is asked for."""
    current = MISSING
    items: list[Any] = []
    for item in iterable:
        value = item if key is None else key(item)
        if current is not MISSING and not current == value:  # noqa: SIM201  # as CPython asks
            yield current, iter(items)
            items.clear()
            items = []
        current = value
        items.append(item)
    if current is not MISSING:
        yield current, iter(items)
        items.clear()


def chain_from_iterable(iterables: Any) -> Any:
    for iterable in iterables:
        for item in iterable:  # noqa: UP028
            yield item


def product(*iterables: Any, repeat: Any = 1) -> Any:
    pools = [list(iterable) for iterable in iterables] * repeat
    rows: list[Any] = [()]
    for pool in pools:
        rows = [(*row, item) for row in rows for item in pool]
    for row in rows:  # noqa: UP028
        yield row


def permutations(iterable: Any, r: Any = None) -> Any:
    items = list(iterable)
    for places in _ordered(len(items), len(items) if r is None else r):
        yield tuple([items[place] for place in places])


def _ordered(count: Any, length: Any) -> Any:
    """The permutations of places, in lexicographic order."""
    rows: list[Any] = [()] if length <= count else []
    for _ in range(length):
        rows = [(*row, place) for row in rows for place in range(count) if place not in row]
    return rows


def combinations(iterable: Any, r: Any) -> Any:
    items = list(iterable)
    rows: list[Any] = [()] if r <= len(items) else []
    for _ in range(r):
        rows = [(*row, place) for row in rows for place in range(row[-1] + 1 if row else 0, len(items))]
    for places in rows:
        yield tuple([items[place] for place in places])

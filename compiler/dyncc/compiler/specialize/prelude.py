"""Python definitions of what CPython does in C: iterators and builtins that call back or decide.

The machine puts these in place of the builtins, runs them natively like any other function, and interprets
them when a value that is not known yet is involved. Being plain objects, the iterators' state is data that
a fork can copy. Attributes named ``_dyncc_position`` are never generalized.
"""

from __future__ import annotations

from typing import Any

from dyncc.compiler.specialize.elements import put_together
from dyncc.compiler.specialize.special import record_parts

_MISSING = object()


class SequenceIterator:
    """Over a sequence whose length is known: its elements may differ in kind, so it unrolls.

    ``_dyncc_loop`` is where a range was looped over.
    """

    def __init__(self, items: Any, loop: Any = None) -> None:
        self.items = items
        self._dyncc_position = 0
        self._dyncc_loop = loop

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        if self._dyncc_position >= len(self.items):
            raise StopIteration
        value = self.items[self._dyncc_position]
        self._dyncc_position += 1
        return value


class RangeIterator:
    """Over a range that is long or not known: its counter may become a number of the host."""

    def __init__(self, start: Any, stop: Any, step: Any) -> None:
        self.counter = start
        self.stop = stop
        self.step = step

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        value = self.counter
        if self.step > 0:
            if value >= self.stop:
                raise StopIteration
        elif value <= self.stop:
            raise StopIteration
        self.counter = value + self.step
        return value


class DynamicRange:
    """``range`` of numbers that are known only at run time."""

    def __init__(self, start: Any, stop: Any, step: Any) -> None:
        self.start = start
        self.stop = stop
        self.step = step

    def __iter__(self) -> Any:
        return RangeIterator(self.start, self.stop, self.step)


class ListIterator:
    """Over a list, or the first axis of a tensor, whose length is known only at run time."""

    def __init__(self, items: Any, length: Any) -> None:
        self.items = items
        self.length = length
        self.index = 0

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        if self.index >= self.length(self.items):
            raise StopIteration
        value = self.items[self.index]
        self.index += 1
        return value


class RecordList:
    """A list of tuples whose length is known only at run time: a list for each of their parts."""

    def __init__(self, element: Any, columns: Any) -> None:
        self.element = element
        self.columns = columns

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return list

    def __len__(self) -> Any:
        return len(self.columns[0])

    def __iter__(self) -> Any:
        return ListIterator(self, len)

    def __getitem__(self, index: Any) -> Any:
        picked = []
        for column in self.columns:
            picked.append(column[index])
        if isinstance(index, slice):
            return RecordList(self.element, picked)
        return put_together(self.element, iter(picked))

    def __setitem__(self, index: Any, value: Any) -> None:
        parts = record_parts(self, value)
        for position, column in enumerate(self.columns):
            column[index] = parts[position]

    def __delitem__(self, index: Any) -> None:
        for column in self.columns:
            del column[index]

    def append(self, value: Any) -> None:
        parts = record_parts(self, value)
        for position, column in enumerate(self.columns):
            column.append(parts[position])

    def insert(self, index: Any, value: Any) -> None:
        parts = record_parts(self, value)
        for position, column in enumerate(self.columns):
            column.insert(index, parts[position])

    def pop(self, index: Any = -1) -> Any:
        picked = []
        for column in self.columns:
            picked.append(column.pop(index))
        return put_together(self.element, iter(picked))

    def extend(self, values: Any) -> None:
        for value in values:
            self.append(value)

    def clear(self) -> None:
        for column in self.columns:
            column.clear()

    def reverse(self) -> None:
        for column in self.columns:
            column.reverse()

    def copy(self) -> Any:
        return RecordList(self.element, [column.copy() for column in self.columns])

    def sort(self, key: Any = None, reverse: Any = False) -> None:
        ordered = sorted_list(self, key, reverse)
        self.clear()
        for item in ordered:
            self.append(item)

    def __add__(self, other: Any) -> Any:
        made = self.copy()
        for item in other:
            made.append(item)
        return made

    def __iadd__(self, other: Any) -> Any:
        for item in other:
            self.append(item)
        return self

    def _unknown(self, *args: Any, **kwargs: Any) -> Any:
        self.columns[0]._elements()  # decides: the list has to be static for this

    index = count = remove = __contains__ = __eq__ = __radd__ = __mul__ = __reversed__ = _unknown  # type: ignore


class ZipIterator:
    def __init__(self, iterators: Any, strict: bool) -> None:
        self.iterators = iterators
        self.strict = strict

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        values = []
        for position, iterator in enumerate(self.iterators):
            value = next(iterator, _MISSING)
            if value is _MISSING:
                if self.strict and position > 0:
                    raise ValueError("zip() arguments have different lengths")
                raise StopIteration
            values.append(value)
        if not values:
            raise StopIteration
        return tuple(values)


class EnumerateIterator:
    def __init__(self, iterator: Any, start: Any) -> None:
        self.iterator = iterator
        self.count = start

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        value = next(self.iterator)
        count = self.count
        self.count = count + 1
        return count, value


class MapIterator:
    def __init__(self, function: Any, iterators: Any) -> None:
        self.function = function
        self.iterators = iterators

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self.function(*[next(iterator) for iterator in self.iterators])


class FilterIterator:
    def __init__(self, function: Any, iterator: Any) -> None:
        self.function = function
        self.iterator = iterator

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        while True:
            value = next(self.iterator)
            if self.function is None:
                if value:
                    return value
            elif self.function(value):
                return value


class SliceIterator:
    """``itertools.islice`` with static bounds."""

    def __init__(self, iterator: Any, start: Any, stop: Any, step: Any) -> None:
        self.iterator = iterator
        self.skip = start
        self.stop = stop
        self.step = step
        self._dyncc_position = 0

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        while True:
            if self.stop is not None and self._dyncc_position >= self.stop:
                raise StopIteration
            value = next(self.iterator)
            position = self._dyncc_position
            self._dyncc_position = position + 1
            if position >= self.skip and (position - self.skip) % self.step == 0:
                return value


class CountIterator:
    def __init__(self, start: Any, step: Any) -> None:
        self.counter = start
        self.step = step

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        value = self.counter
        self.counter = value + self.step
        return value


class ChainIterator:
    def __init__(self, iterators: Any) -> None:
        self.iterators = iterators
        self._dyncc_position = 0

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        while self._dyncc_position < len(self.iterators):
            value = next(self.iterators[self._dyncc_position], _MISSING)
            if value is not _MISSING:
                return value
            self._dyncc_position += 1
        raise StopIteration


DECIDING = (
    MapIterator, FilterIterator, ZipIterator, EnumerateIterator, RangeIterator, ListIterator, SliceIterator,
    ChainIterator, CountIterator, RecordList,
)  # fmt: skip
"""What may run code that decides when one goes through it."""


def next_or(iterator: Any, default: Any) -> Any:
    try:
        return iterator.__next__()
    except StopIteration:
        return default


def as_list(iterable: Any) -> Any:
    result = []
    for item in iterable:
        result.append(item)
    return result


def as_tuple(iterable: Any) -> Any:
    return tuple(as_list(iterable))


def sum_of(iterable: Any, start: Any) -> Any:
    total = start
    for item in iterable:
        total = total + item
    return total


def any_of(iterable: Any) -> Any:
    for item in iterable:  # noqa: SIM110  # this is what stands in for `any` itself
        if item:
            return True
    return False


def all_of(iterable: Any) -> Any:
    for item in iterable:  # noqa: SIM110
        if not item:
            return False
    return True


def least(items: Any, key: Any, default: Any, largest: Any) -> Any:
    candidates = []
    keys = []
    for item in items:
        candidates.append(item)
        keys.append(item if key is None else key(item))
    if not candidates:
        if default is _MISSING:
            raise ValueError(
                "max() arg is an empty sequence" if largest else "min() arg is an empty sequence"
            )
        return default
    return best_of(candidates, keys, largest)


def best_of(items: Any, keys: Any, largest: Any) -> Any:
    """The first item with the best key, one decision an item (see ``choices`` for the short way)."""
    best = items[0]
    best_key = keys[0]
    for index in range(1, len(items)):
        item_key = keys[index]
        if largest:
            if item_key > best_key:
                best, best_key = items[index], item_key
        elif item_key < best_key:
            best, best_key = items[index], item_key
    return best


def sorted_list(iterable: Any, key: Any, reverse: Any) -> Any:
    """Only used where the order depends on values of tensors."""
    candidates = []
    keys = []
    for item in iterable:
        candidates.append(item)
        keys.append(item if key is None else key(item))
    return in_order(candidates, keys, reverse)


def in_order(candidates: Any, candidate_keys: Any, reverse: Any) -> Any:
    """Insertion sort, stable, by decisions (see ``choices`` for the short way).

    Keys and items are lists of their own, so that each has elements of one type.
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


def sort_in_place(items: Any, key: Any, reverse: Any) -> Any:
    values = list(items)
    items.clear()
    items[:] = sorted_list(values, key, reverse)


def reduce_of(function: Any, iterable: Any, *initial: Any) -> Any:
    iterator = iter(iterable)
    if initial:
        value = initial[0]
    else:
        value = next(iterator, _MISSING)
        if value is _MISSING:
            raise TypeError("reduce() of empty iterable with no initial value")
    for item in iterator:
        value = function(value, item)
    return value


def call_module(module: Any, pre_hooks: Any, forward_hooks: Any, args: Any, kwargs: Any) -> Any:
    """``nn.Module.__call__`` with forward hooks."""
    for hook, with_kwargs in pre_hooks:
        if with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is not None:
                args, kwargs = changed
        else:
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    result = module.forward(*args, **kwargs)
    for hook, with_kwargs in forward_hooks:
        changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
        if changed is not None:
            result = changed
    return result


def tensor_of_list(make: Any, items: Any, dtype: Any, kwargs: Any) -> Any:
    """``torch.tensor`` of a list of ints or bools: an empty one is of the default floating-point type."""
    if not items:
        return make([], **kwargs)
    return make(items, dtype=dtype, **kwargs)


def extend_list(items: Any, iterable: Any) -> Any:
    for item in iterable:
        items.append(item)

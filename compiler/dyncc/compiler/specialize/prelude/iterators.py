"""Iterators as plain objects: their state is data that a fork can copy.

Attributes named ``_dyncc_position`` are never generalized.
"""

from __future__ import annotations

from typing import Any

from dyncc.compiler.specialize.values import decide

MISSING = object()


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

    def __repr__(self) -> str:
        decide(self, "the text of a range")

    def __getitem__(self, index: Any) -> Any:
        length = len(self)  # type: ignore[arg-type]
        if isinstance(index, slice):
            start, stop, step = index.indices(length)
            first, end = self.start + start * self.step, self.start + stop * self.step
            return DynamicRange(first, end, self.step * step)
        if not -length <= index < length:
            raise IndexError("range object index out of range")
        return self.start + (index + length if index < 0 else index) * self.step

    def __contains__(self, value: Any) -> Any:
        if not isinstance(value, (int, float)):
            for item in self:  # noqa: SIM110  # (a generator is not interpreted here)
                if item == value:
                    return True
            return False
        inside = self.start <= value < self.stop if self.step > 0 else self.stop < value <= self.start
        return inside and (value - self.start) % self.step == 0

    def __eq__(self, other: Any) -> Any:
        if not isinstance(other, (range, DynamicRange)):
            return NotImplemented
        length = len(self)  # type: ignore[arg-type]
        if length != len(other):  # type: ignore[arg-type]
            return False
        if length == 0:
            return True
        return self.start == other.start and (length == 1 or self.step == other.step)

    __hash__ = None  # type: ignore[assignment]


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


class ZipIterator:
    def __init__(self, iterators: Any, strict: bool) -> None:
        self.iterators = iterators
        self.strict = strict

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        values = []
        for position, iterator in enumerate(self.iterators):
            value = next(iterator, MISSING)
            if value is MISSING:
                if self.strict and position > 0:
                    raise ValueError(unequal(position, "shorter"))
                if self.strict:
                    self.require_ends()
                raise StopIteration
            values.append(value)
        if not values:
            raise StopIteration
        return tuple(values)

    def require_ends(self) -> None:
        """With ``strict``: the first has ended, so the others must have too."""
        for position, iterator in enumerate(self.iterators[1:], 1):
            if next(iterator, MISSING) is not MISSING:
                raise ValueError(unequal(position, "longer"))


def unequal(position: Any, how: Any) -> Any:
    """CPython's message for the argument of ``zip`` that has another length."""
    others = "argument 1" if position == 1 else f"arguments 1-{position}"
    return f"zip() argument {position + 1} is {how} than {others}"


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
            value = next(self.iterators[self._dyncc_position], MISSING)
            if value is not MISSING:
                return value
            self._dyncc_position += 1
        raise StopIteration

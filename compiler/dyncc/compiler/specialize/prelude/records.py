"""Lists of tuples, dicts and texts of dynamic length, as a structure of arrays."""

from __future__ import annotations

from typing import Any

from dyncc.compiler.specialize.lists.elements import put_together
from dyncc.compiler.specialize.lists.host_lists import record_parts
from dyncc.compiler.specialize.prelude.iterators import ListIterator
from dyncc.compiler.specialize.prelude.sorting import sorted_list
from dyncc.compiler.specialize.values import decide


class RecordList:
    """A list of tuples or dicts whose length is known only at run time: a list for each of their parts.

    Of texts it is one list, of their numbers in a table.
    """

    def __init__(self, element: Any, columns: Any) -> None:
        self.element = element
        self.columns = columns

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return list

    def __repr__(self) -> str:
        decide(self, "the text of a list that grows at run time")

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
        return put_together(self.element, iter(picked), self.columns[0].origins)

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
        return put_together(self.element, iter(picked), self.columns[0].origins)

    def extend(self, values: Any) -> None:
        columns = _columns_like(self, values)
        if columns is None:
            for value in values:
                self.append(value)
        else:
            for position, column in enumerate(self.columns):
                column.extend(columns[position])

    def clear(self) -> None:
        for column in self.columns:
            column.clear()

    def reverse(self) -> None:
        for column in self.columns:
            column.reverse()

    def copy(self) -> Any:
        copies = []
        for column in self.columns:  # (a comprehension would be code of its own, which runs natively)
            copies.append(column.copy())
        return RecordList(self.element, copies)

    def sort(self, key: Any = None, reverse: Any = False) -> None:
        ordered = sorted_list(self, key, reverse)
        self.clear()
        for item in ordered:
            self.append(item)

    def __add__(self, other: Any) -> Any:
        made = self.copy()
        made.extend(other)
        return made

    def __iadd__(self, other: Any) -> Any:
        self.extend(other)
        return self

    def __radd__(self, other: Any) -> Any:
        made = self.copy()
        made.clear()
        made.extend(other)
        made.extend(self)
        return made

    def __reversed__(self) -> Any:
        made = self.copy()
        made.reverse()
        return iter(made)

    def __contains__(self, value: Any) -> Any:
        for item in self:  # noqa: SIM110  # (interpreted: a decision for each)
            if item == value:
                return True
        return False

    def count(self, value: Any) -> Any:
        found = 0
        for item in self:
            if item == value:
                found += 1
        return found

    def _place(self, value: Any) -> Any:
        for position in range(len(self)):
            if self[position] == value:
                return position
        return -1

    def index(self, value: Any, *between: Any) -> Any:
        if between:
            self._unknown()
        position = self._place(value)
        if position < 0:
            raise ValueError(f"{value!r} is not in list")
        return position

    def remove(self, value: Any) -> None:
        position = self._place(value)
        if position < 0:
            raise ValueError("list.remove(x): x not in list")
        self.pop(position)

    def __eq__(self, other: Any) -> Any:
        if not isinstance(other, list):
            return False
        if len(self) != len(other):
            return False
        for position in range(len(self)):  # noqa: SIM110
            if self[position] != other[position]:
                return False
        return True

    def _unknown(self, *args: Any, **kwargs: Any) -> Any:
        self.columns[0]._elements()  # decides: the list has to be static for this

    __mul__ = __rmul__ = __imul__ = _unknown


def _columns_like(items: RecordList, values: Any) -> Any:
    """The columns of another list of such elements; None for anything else."""
    return values.columns if type(values) is RecordList and values.element == items.element else None


def displayed(parts: Any) -> Any:
    """``[a, *b, …]``, of (value, starred), with a list of records among the starred ones."""
    made = _empty_like(parts)
    for value, starred in parts:
        if starred:
            made.extend(value)
        else:
            made.append(value)
    return made


def _empty_like(parts: Any) -> Any:
    first = next(value for value, starred in parts if starred and type(value) is RecordList)
    columns = []
    for column in first.columns:
        columns.append(type(column)(column.element, None, column.origins))
    return RecordList(first.element, columns)

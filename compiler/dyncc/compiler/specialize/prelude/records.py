"""Lists of tuples of dynamic length, as a structure of arrays."""

from __future__ import annotations

from typing import Any

from dyncc.compiler.specialize.lists.elements import put_together
from dyncc.compiler.specialize.lists.host_lists import record_parts
from dyncc.compiler.specialize.prelude.iterators import ListIterator
from dyncc.compiler.specialize.prelude.sorting import sorted_list


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

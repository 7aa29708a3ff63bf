"""Sets with members that are known only at run time (see ``mappings.py``)."""

from __future__ import annotations

from typing import Any

from dyncc.compiler.specialize.prelude.keys import candidates, holds, is_grown, missing, same, unsupported
from dyncc.compiler.specialize.values import decide


class KeyedSet:
    """Stands in for a set. In which order it would be gone through nobody can tell."""

    def __init__(self) -> None:
        self.members: Any = []

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return set

    def __repr__(self) -> str:
        decide(self, "the text of a set of numbers from data")

    def __contains__(self, key: Any) -> Any:
        return key in self.members if is_grown(self.members) else holds(self.members, key)

    def __len__(self) -> Any:
        return len(self.members)

    def __iter__(self) -> Any:
        unsupported("a set is gone through whose order is known only at run time", "go through `sorted(…)`")

    def add(self, key: Any) -> None:
        if key not in self:
            self.members.append(key)

    def discard(self, key: Any) -> None:
        if is_grown(self.members):
            if key in self.members:
                self.members.remove(key)
            return
        for position in candidates(self.members, key):
            if same(self.members[position], key):
                self.members.pop(position)
                return

    def remove(self, key: Any) -> None:
        if key not in self:
            raise KeyError(key)
        self.discard(key)

    def clear(self) -> None:
        self.members.clear()

    def copy(self) -> Any:
        made = KeyedSet()
        made.members = list(self.members)
        return made

    __copy__ = copy

    def update(self, *others: Any) -> None:
        for other in others:
            for key in members_of(other):
                self.add(key)

    def difference_update(self, *others: Any) -> None:
        for other in others:
            for key in members_of(other):
                self.discard(key)

    def intersection_update(self, *others: Any) -> None:
        for key in list(self.members):
            for other in others:
                if key not in other:
                    self.discard(key)

    def symmetric_difference_update(self, other: Any) -> None:
        changed = KeyedSet()
        changed.update(other)
        for key in changed.members:
            if key in self:
                self.discard(key)
            else:
                self.add(key)

    def union(self, *others: Any) -> Any:
        made = self.copy()
        made.update(*others)
        return made

    def difference(self, *others: Any) -> Any:
        made = self.copy()
        made.difference_update(*others)
        return made

    def intersection(self, *others: Any) -> Any:
        made = self.copy()
        made.intersection_update(*others)
        return made

    def symmetric_difference(self, other: Any) -> Any:
        made = self.copy()
        made.symmetric_difference_update(other)
        return made

    def issubset(self, other: Any) -> Any:
        for key in self.members:  # noqa: SIM110  # a loop needs no generator
            if key not in other:
                return False
        return True

    def issuperset(self, other: Any) -> Any:
        for key in members_of(other):  # noqa: SIM110  # a loop needs no generator
            if key not in self:
                return False
        return True

    def isdisjoint(self, other: Any) -> Any:
        for key in members_of(other):  # noqa: SIM110  # a loop needs no generator
            if key in self:
                return False
        return True

    def __or__(self, other: Any) -> Any:
        return self.union(other) if isinstance(other, set | frozenset) else NotImplemented

    __ror__ = __or__

    def __and__(self, other: Any) -> Any:
        return self.intersection(other) if isinstance(other, set | frozenset) else NotImplemented

    __rand__ = __and__

    def __sub__(self, other: Any) -> Any:
        return self.difference(other) if isinstance(other, set | frozenset) else NotImplemented

    def __xor__(self, other: Any) -> Any:
        return self.symmetric_difference(other) if isinstance(other, set | frozenset) else NotImplemented

    __rxor__ = __xor__

    def __rsub__(self, other: Any) -> Any:
        made = KeyedSet()
        for key in members_of(other):
            if key not in self:
                made.add(key)
        return made

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def __iand__(self, other: Any) -> Any:
        self.intersection_update(other)
        return self

    def __isub__(self, other: Any) -> Any:
        self.difference_update(other)
        return self

    def __ixor__(self, other: Any) -> Any:
        self.symmetric_difference_update(other)
        return self

    def __eq__(self, other: Any) -> Any:
        if not isinstance(other, set | frozenset):
            return NotImplemented
        return len(self) == len(other) and self.issubset(other)

    def __le__(self, other: Any) -> Any:
        return self.issubset(other) if isinstance(other, set | frozenset) else NotImplemented

    def __ge__(self, other: Any) -> Any:
        return self.issuperset(other) if isinstance(other, set | frozenset) else NotImplemented

    def __lt__(self, other: Any) -> Any:
        return len(self) < len(other) and self <= other

    def __gt__(self, other: Any) -> Any:
        return len(self) > len(other) and self >= other

    def __getattr__(self, name: str) -> Any:
        return missing(set, name)

    __hash__ = None  # type: ignore[assignment]


def beside_keyed(owner: Any, name: Any, others: Any) -> Any:
    """A method of a set of CPython's with arguments whose members are known only at run time."""
    made = KeyedSet()
    made.update(owner)
    return getattr(made, name)(*others)


def members_of(source: Any) -> Any:
    """What goes into a set, or is looked for in one, in any order."""
    return source.members if type(source) is KeyedSet else source

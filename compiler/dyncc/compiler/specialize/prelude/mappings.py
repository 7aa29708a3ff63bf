"""Dicts with keys that are known only at run time: lists of keys and values, searched by equality.

A hash needs the value of a number, so CPython's containers hold no number that the network computes. These
(and the sets of ``keyed_sets.py``) stand in for one that was made by the program and is given such a key
(``facts.keyed``).
"""

from __future__ import annotations

import collections
import types
from typing import Any, NoReturn

from dyncc.compiler.specialize.prelude.iterators import MISSING
from dyncc.compiler.specialize.prelude.keyed_sets import KeyedSet
from dyncc.compiler.specialize.prelude.keys import (
    LOOKUPS,
    are_numbers,
    by_place,
    candidates,
    find,
    holds,
    is_grown,
    missing,
    picked,
    pop_at,
    same,
    store,
    unsupported,
)
from dyncc.compiler.specialize.values import decide

KINDS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter, set)
"""What these classes stand in for."""


class KeyedDict:
    """Stands in for a dict, a defaultdict with ``factory``, an OrderedDict or a Counter."""

    def __init__(self, kind: Any, factory: Any = None) -> None:
        self.kind = kind
        self.default_factory = factory
        self.own_keys: Any = []
        self.own_values: Any = []

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self.kind

    def __repr__(self) -> str:
        decide(self, "the text of a dict with keys from data")

    # ------------------------------------------------------------------------------ looking up

    def _place(self, key: Any) -> Any:
        if not is_grown(self.own_keys):
            return find(self.own_keys, key)
        return self.own_keys.index(key) if key in self.own_keys else -1

    def _value(self, key: Any) -> Any:
        """The value of ``key``, or MISSING."""
        if by_place(self.own_keys, self.own_values):
            place = self._place(key)
            if place < 0:
                return MISSING
            return (
                picked(self.own_values, place) if are_numbers(self.own_values) else self.own_values[place]
            )
        for position in candidates(self.own_keys, key):
            if same(self.own_keys[position], key):
                return self.own_values[position]
        return MISSING

    def __contains__(self, key: Any) -> Any:
        return key in self.own_keys if is_grown(self.own_keys) else holds(self.own_keys, key)

    def __getitem__(self, key: Any) -> Any:
        value = self._value(key)
        if value is not MISSING:
            return value
        if self.kind is collections.Counter:
            return 0
        if self.default_factory is None:
            raise KeyError(key)
        value = self.default_factory()
        self._insert(key, value)
        return value

    def get(self, key: Any, default: Any = None) -> Any:
        value = self._value(key)
        return default if value is MISSING else value

    def __len__(self) -> Any:
        return len(self.own_keys)

    # -------------------------------------------------------------------------------- changing

    def _insert(self, key: Any, value: Any) -> None:
        self.own_keys.append(key)
        self.own_values.append(value)

    def __setitem__(self, key: Any, value: Any) -> None:
        numbers = not is_grown(self.own_values) and are_numbers([*self.own_values, value])
        if is_grown(self.own_keys) or is_grown(self.own_values) or numbers:
            place = self._place(key)
            if place >= 0:
                if numbers:
                    store(self.own_values, place, value)
                else:
                    self.own_values[place] = value
                return
        else:
            for position in candidates(self.own_keys, key):
                if same(self.own_keys[position], key):
                    self.own_values[position] = value
                    return
        self._insert(key, value)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        value = self._value(key)
        if value is not MISSING:
            return value
        self._insert(key, default)
        return default

    def pop(self, key: Any, *default: Any) -> Any:
        found = self._take(key)
        if found is not MISSING:
            return found[1]
        if default:
            return default[0]
        raise KeyError(key)

    def _take(self, key: Any) -> Any:
        """Remove a key; gives it and its value, or MISSING."""
        if is_grown(self.own_keys):
            place = self._place(key)
            return MISSING if place < 0 else (self.own_keys.pop(place), pop_at(self.own_values, place))
        for position in candidates(self.own_keys, key):
            if same(self.own_keys[position], key):
                return (self.own_keys.pop(position), self.own_values.pop(position))
        return MISSING

    def popitem(self, last: Any = True) -> Any:
        if len(self.own_keys) == 0:
            ordered = self.kind is collections.OrderedDict
            raise KeyError("dictionary is empty" if ordered else "popitem(): dictionary is empty")
        position = -1 if last else 0
        return (self.own_keys.pop(position), self.own_values.pop(position))

    def __delitem__(self, key: Any) -> None:
        if self._take(key) is MISSING and self.kind is not collections.Counter:
            raise KeyError(key)

    def clear(self) -> None:
        self.own_keys.clear()
        self.own_values.clear()

    def update(self, other: Any = (), **more: Any) -> None:
        if self.kind is collections.Counter:
            self._add(other, 1)
            self._add(more, 1)
            return
        for key, value in pairs_of(other):
            self[key] = value
        for key, value in more.items():
            self[key] = value

    def subtract(self, other: Any = (), **more: Any) -> None:
        self._only_counter("subtract")
        self._add(other, -1)
        self._add(more, -1)

    def _add(self, other: Any, sign: Any) -> None:
        if isinstance(other, dict):
            for key, count in other.items():
                self[key] = self.get(key, 0) + sign * count
        else:
            for key in other:
                self[key] = self.get(key, 0) + sign

    def move_to_end(self, key: Any, last: Any = True) -> None:
        if self.kind is not collections.OrderedDict:
            raise AttributeError("'dict' object has no attribute 'move_to_end'")
        found = self._take(key)
        if found is MISSING:
            raise KeyError(key)
        own, value = found
        if last:
            self._insert(own, value)
        else:
            self.own_keys.insert(0, own)
            self.own_values.insert(0, value)

    # ------------------------------------------------------------------------------- as a whole

    def keys(self) -> Any:
        return KeyedView(self, "keys")

    def values(self) -> Any:
        return KeyedView(self, "values")

    def items(self) -> Any:
        return KeyedView(self, "items")

    def __iter__(self) -> Any:
        return iter(list(self.own_keys))

    def __reversed__(self) -> Any:
        return iter(list(self.own_keys)[::-1])

    def copy(self) -> Any:
        made = KeyedDict(self.kind, self.default_factory)
        made.own_keys = list(self.own_keys)
        made.own_values = list(self.own_values)
        return made

    __copy__ = copy

    def __eq__(self, other: Any) -> Any:
        if not isinstance(other, dict):
            return NotImplemented
        if self.kind is collections.Counter or isinstance(other, collections.Counter):
            unsupported(
                "counters are compared whose keys are known only at run time", "compare their items"
            )
        if self.kind is collections.OrderedDict and isinstance(other, collections.OrderedDict):
            unsupported("ordered dicts are compared whose keys are known only at run time", "compare lists")
        if len(self) != len(other):
            return False
        for key, value in self.items():  # noqa: SIM110  # a loop needs no generator
            if key not in other or other[key] != value:
                return False
        return True

    def __or__(self, other: Any) -> Any:
        if self.kind is collections.Counter or not isinstance(other, dict):
            return _combined(self, other)
        made = self.copy()
        made.update(other)
        return made

    def __ror__(self, other: Any) -> Any:
        if self.kind is collections.Counter or not isinstance(other, dict):
            return _combined(self, other)
        made = KeyedDict(self.kind, self.default_factory)
        made.update(other)
        made.update(self)
        return made

    def __ior__(self, other: Any) -> Any:
        if self.kind is collections.Counter:
            return _combined(self, other)
        self.update(other)
        return self

    # -------------------------------------------------------------------------------- counters

    def _only_counter(self, name: str) -> None:
        if self.kind is not collections.Counter:
            raise AttributeError(f"'{self.kind.__name__}' object has no attribute '{name}'")

    def most_common(self, n: Any = None) -> Any:
        self._only_counter("most_common")
        ordered = sorted(list(self.items()), key=lambda pair: pair[1], reverse=True)
        return ordered if n is None else ordered[: max(n, 0)]

    def elements(self) -> Any:
        self._only_counter("elements")
        made = []
        for key, count in self.items():
            for _ in range(count):
                made.append(key)
        return iter(made)

    def total(self) -> Any:
        self._only_counter("total")
        return sum(self.values())

    def __getattr__(self, name: str) -> Any:
        return missing(self.kind, name)

    __hash__ = None  # type: ignore[assignment]


def _combined(one: Any, other: Any) -> NoReturn:
    unsupported(
        f"two `{one.kind.__name__}` objects with keys that are known only at run time",
        "write a loop over their items",
    )


def pairs_of(source: Any) -> Any:
    """What ``dict(source)`` goes through: the items of a mapping, or an iterable of pairs."""
    if hasattr(source, "keys"):
        return [(key, source[key]) for key in source.keys()]  # noqa: SIM118  # as CPython does
    return source


class KeyedView:
    """The keys, values or items of a :class:`KeyedDict`, as they are when they are looked at."""

    def __init__(self, owner: Any, what: str) -> None:
        self.owner = owner
        self.what = what

    def __repr__(self) -> str:
        decide(self, "the text of a dict with keys from data")

    def _listed(self) -> Any:
        if self.what == "keys":
            return list(self.owner.own_keys)
        if self.what == "values":
            return list(self.owner.own_values)
        return list(zip(self.owner.own_keys, self.owner.own_values))  # noqa: B905  # of one length

    def __iter__(self) -> Any:
        return iter(self._listed())

    def __reversed__(self) -> Any:
        return iter(self._listed()[::-1])

    def __len__(self) -> Any:
        return len(self.owner.own_keys)

    def __contains__(self, value: Any) -> Any:
        return value in self.owner if self.what == "keys" else value in self._listed()

    def _as_set(self, other: Any) -> Any:
        unsupported(
            f"the {self.what} of a dict are taken for a set, and are known only at run time",
            "write a loop over them",
        )

    __and__ = __or__ = __sub__ = __xor__ = __rand__ = __ror__ = __rsub__ = __rxor__ = _as_set
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = _as_set  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


def keyed(kind: Any, args: Any, kwargs: Any) -> Any:
    """``dict(…)``, ``set(…)``, ``defaultdict(…)``, … of keys that are known only at run time."""
    if kind is set:
        made = KeyedSet()
        if args:
            made.update(args[0])
        return made
    factory = None
    if kind is collections.defaultdict and args:
        factory = args[0]
        args = args[1:]
    mapping = KeyedDict(kind, factory)
    mapping.update(*args, **kwargs)
    return mapping


def from_keys(kind: Any, source: Any, value: Any = None) -> Any:
    """``dict.fromkeys``."""
    made = kind()
    for key in source:
        made[key] = value
    return made


def displayed(items: Any) -> Any:
    """A dict display: pairs of a key and a value, or of :data:`UNPACKED` and a mapping."""
    made = KeyedDict(dict)
    for key, value in items:
        if key is UNPACKED:
            made.update(value)
        else:
            made[key] = value
    return made


UNPACKED = object()


INTERPRETED = (
    *LOOKUPS, pairs_of, keyed, displayed,
    *(
        method
        for cls in (KeyedDict, KeyedSet, KeyedView)
        for method in vars(cls).values()
        if isinstance(method, types.FunctionType) and method.__name__ != "__init__"
    ),
)  # fmt: skip
"""What decides on keys."""

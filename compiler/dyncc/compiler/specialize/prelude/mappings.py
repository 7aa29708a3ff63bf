"""Dicts and sets with keys that are known only at run time: lists, searched by equality.

A hash needs the value of a number, so CPython's containers hold no number that the network computes. These
stand in for a dict or set that was made by the program and is given such a key (``facts.keyed``). Whether
two numbers are equal is computed and not decided, as far as it goes: a block ends where a key is found to
be new or not, and not for each key that it might be.
"""

from __future__ import annotations

import collections
import types
from typing import Any, NoReturn

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.prelude.iterators import MISSING
from dyncc.compiler.specialize.prelude.records import RecordList
from dyncc.compiler.specialize.values import (
    DATA,
    DynamicList,
    DynamicTag,
    SymTensor,
    builder,
    decide,
    is_scalar,
    kind_of,
    scalar_op,
)
from dyncc.runtime.program import Const

KINDS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter, set)
"""What these classes stand in for."""


# ------------------------------------------------------------------------------------ equality


def is_unknown(key: Any) -> bool:
    """Whether a key is, or has in it, a number that is known only at run time."""
    return is_scalar(key) or (
        type(key) is tuple and any(type(k) is DynamicTag or is_unknown(k) for k in key)
    )


def find(keys: Any, key: Any) -> Any:
    """The place of ``key`` among different ``keys``, -1 where it is none of them, without a decision."""
    place: Any = -1
    for position in reversed(candidates(keys, key)):
        equal = same(keys[position], key)
        place = position if equal is True else scalar_op("select", equal, position, place)
    return place


def candidates(keys: Any, key: Any) -> tuple[int, ...]:
    """The places of the ``keys`` that ``key`` may be equal to."""
    _require_key(key)
    return tuple(position for position in range(len(keys)) if same(keys[position], key) is not False)


def holds(keys: Any, key: Any) -> Any:
    """Whether ``key`` is one of ``keys``: a bool, or a number that says so at run time."""
    found: Any = False
    for position in candidates(keys, key):
        equal = same(keys[position], key)
        found = equal if found is False or equal is True else scalar_op("or_", found, equal)
        if found is True:
            break
    return found


def same(one: Any, other: Any) -> Any:
    """Whether two keys are equal: a bool, or a number that says so at run time."""
    if one is other:
        return True
    if type(one) is tuple and type(other) is tuple:
        if len(one) != len(other):
            return False
        result: Any = True
        for part, another in zip(one, other, strict=True):
            equal = same(part, another)
            if equal is False:
                return False
            result = (
                equal if result is True else result if equal is True else scalar_op("and_", result, equal)
            )
        return result
    if type(one) is DynamicTag or type(other) is DynamicTag:
        return _same_tag(one, other) if type(one) is DynamicTag else _same_tag(other, one)
    if is_scalar(one) or is_scalar(other):
        numbers = kind_of(one) is not None and kind_of(other) is not None
        return scalar_op("eq", one, other) if numbers else False
    return one == other


def _same_tag(tag: DynamicTag, other: Any) -> Any:
    """Whether a text, or member of an enum, that is known only at run time is the other key."""
    if type(other) is DynamicTag:
        decide(tag, "a text that is known only at run time in a key")
    answers = [not is_scalar(other) and value == other for value in tag.table]
    if all(answer == answers[0] for answer in answers):
        return answers[0]
    found = builder().host_leaf("lookup", [tag.scalar.operand, *map(Const, answers)], "bool")
    found.origins = tag.scalar.origins | frozenset((DATA,))
    return found


def _require_key(key: Any) -> None:
    """Raise what a hash raises, and refuse what cannot be compared instead."""
    if type(key) is tuple:
        for part in key:
            _require_key(part)
    elif is_scalar(key):
        if key.kind == "float":  # nan is not equal to itself, but is found where it is the same object
            unsupported("a float that is known only at run time is a key", "use ints: `round(x * 1000)`")
    elif type(key) is DynamicTag:
        return
    elif isinstance(key, SymTensor):
        unsupported(
            "a tensor is a key beside keys that are known only at run time", "use its number: `.item()`"
        )
    else:
        hash(key)


def unsupported(what: str, remedy: str) -> NoReturn:
    raise CompileError(
        [
            Diagnostic(
                "DY110", what, builder().span, label="known only when the network runs", helps=(remedy,)
            )
        ]
    )


# -------------------------------------------------------------------------------------- values


def by_place(keys: Any, values: Any) -> bool:
    """Whether to go to a value by its place, a number, and not by a decision for each of the keys."""
    return is_grown(keys) or is_grown(values) or are_numbers(values)


def are_numbers(values: Any) -> bool:
    """Whether a list of known length holds numbers of one kind: those are selected without a decision."""
    if is_grown(values):
        return False
    kinds = {kind_of(value) for value in values}
    return len(kinds) == 1 and None not in kinds


def picked(values: Any, place: Any) -> Any:
    """The number at a place that is known only at run time."""
    if not is_scalar(place):
        return values[place]
    result = values[0]
    for position in range(1, len(values)):
        if values[position] is not result:
            result = scalar_op("select", scalar_op("eq", place, position), values[position], result)
    return result


def store(values: Any, place: Any, value: Any) -> None:
    """Store a number at a place that is known only at run time."""
    if not is_scalar(place):
        values[place] = value
        return
    for position, before in enumerate(values):
        values[position] = scalar_op("select", scalar_op("eq", place, position), value, before)


def is_grown(values: Any) -> bool:
    """Whether a list is one whose length is known only at run time."""
    return isinstance(values, DynamicList) or type(values) is RecordList


def pop_at(values: Any, place: Any) -> Any:
    """Remove the value at a place that is known only at run time."""
    if not is_grown(values):
        for position in range(len(values)):
            if place == position:
                return values.pop(position)
    return values.pop(place)


# --------------------------------------------------------------- lookups in containers of CPython


def matching(container: Any, key: Any) -> tuple[Any, ...]:
    """The keys or members of a container of CPython that an unknown key may be equal to."""
    own = tuple(container)
    return tuple(own[position] for position in candidates(own, key))


def get_from(mapping: Any, key: Any, default: Any = None) -> Any:
    for own in matching(mapping, key):
        if same(own, key):
            return mapping[own]
    return default


def item_of(mapping: Any, key: Any) -> Any:
    for own in matching(mapping, key):
        if same(own, key):
            return mapping[own]
    if hasattr(type(mapping), "__missing__"):
        return mapping[key]  # (which needs a container that can hold the key)
    raise KeyError(key)


def set_default(mapping: Any, key: Any, default: Any = None) -> Any:
    for own in matching(mapping, key):
        if same(own, key):
            return mapping[own]
    mapping[key] = default
    return default


def set_item(mapping: Any, key: Any, value: Any) -> None:
    """Store under a key that may be one of those that a dict has."""
    for own in matching(mapping, key):
        if same(own, key):
            mapping[own] = value
            return
    mapping[key] = value


def pop_from(mapping: Any, key: Any, *default: Any) -> Any:
    for own in matching(mapping, key):
        if same(own, key):
            return mapping.pop(own)
    if default:
        return default[0]
    raise KeyError(key)


def delete_item(mapping: Any, key: Any) -> None:
    pop_from(mapping, key)


def discard_from(container: Any, key: Any) -> None:
    for own in matching(container, key):
        if same(own, key):
            container.discard(own)
            return


def remove_from(container: Any, key: Any) -> None:
    size = len(container)
    discard_from(container, key)
    if len(container) == size:
        raise KeyError(key)


# --------------------------------------------------------------------------------------- dicts


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
        return _missing(self.kind, name)

    __hash__ = None  # type: ignore[assignment]


def _combined(one: Any, other: Any) -> NoReturn:
    unsupported(
        f"two `{one.kind.__name__}` objects with keys that are known only at run time",
        "write a loop over their items",
    )


def _missing(kind: Any, name: str) -> NoReturn:
    if not name.startswith("__") and hasattr(kind, name):
        unsupported(
            f"`{name}` of a `{kind.__name__}` whose keys are known only at run time", "write a loop over it"
        )
    raise AttributeError(f"'{kind.__name__}' object has no attribute '{name}'")


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


# ---------------------------------------------------------------------------------------- sets


class KeyedSet:
    """Stands in for a set. In which order it would be gone through nobody can tell."""

    def __init__(self) -> None:
        self.members: Any = []

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return set

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
        return _missing(set, name)

    __hash__ = None  # type: ignore[assignment]


def members_of(source: Any) -> Any:
    """What goes into a set, or is looked for in one, in any order."""
    return source.members if type(source) is KeyedSet else source


INTERPRETED = (
    pop_at, get_from, item_of, set_default, pop_from, set_item, delete_item, discard_from, remove_from,
    pairs_of, keyed, displayed,
    *(
        method
        for cls in (KeyedDict, KeyedSet, KeyedView)
        for method in vars(cls).values()
        if isinstance(method, types.FunctionType) and method.__name__ != "__init__"
    ),
)  # fmt: skip
"""What decides on keys."""

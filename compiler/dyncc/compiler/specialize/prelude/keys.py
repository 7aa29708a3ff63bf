"""Keys that are known only at run time: whether they are equal, and lookups in containers of CPython.

Whether two numbers are equal is computed and not decided, as far as it goes: a block ends where a key is
found to be new or not, and not for each key that it might be.
"""

from __future__ import annotations

import collections
from typing import Any, NoReturn

from dyncc.compiler.diagnostics import CompileError, Diagnostic
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


def in_range(values: Any, first: Any, key: Any, place: Any) -> Any:
    """``mapping[key]``, at ``place``, of a dict whose keys are the integers from ``first`` on."""
    if key < first or key >= first + len(values):
        raise KeyError(key)
    return entry_of(values, key - first if first else key, place)


def entry_of(values: Any, position: Any, place: Any) -> Any:
    """``values[position]``; what is not known yet is looked up in a table (there is a model of this)."""
    return values[position]


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


def missing(kind: Any, name: str) -> NoReturn:
    if not name.startswith("__") and hasattr(kind, name):
        unsupported(
            f"`{name}` of a `{kind.__name__}` whose keys are known only at run time", "write a loop over it"
        )
    raise AttributeError(f"'{kind.__name__}' object has no attribute '{name}'")


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
    if isinstance(mapping, collections.Counter):  # it lets a key be that is not there
        pop_from(mapping, key, None)
    else:
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


LOOKUPS = (
    pop_at, get_from, item_of, set_default, pop_from, set_item, delete_item, discard_from, remove_from,
)  # fmt: skip
"""What decides on keys."""

"""Which values native code could not go through without deciding."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution.frames import Generator
from dyncc.compiler.specialize.values import (
    DynamicList,
    DynamicTag,
    DynamicText,
    SymTensor,
    is_scalar,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def is_dynamic(value: Any) -> bool:
    """A value that native code could not go through without deciding."""
    return is_scalar(value) or isinstance(value, (SymTensor, DynamicList, Generator)) or type(value) in (
        DynamicTag, DynamicText, prelude.RangeIterator, prelude.ZipIterator, prelude.EnumerateIterator,
        prelude.MapIterator, prelude.FilterIterator, prelude.ListIterator, prelude.DynamicRange,
        prelude.SliceIterator, prelude.ChainIterator, prelude.CountIterator, prelude.RecordList,
        prelude.arrays.Array, prelude.arrays.Number,
    )  # fmt: skip


def iter_of(value: Any) -> Iterator[Any]:
    return tuple.__iter__(value) if isinstance(value, tuple) else iter(value)


def holds_dynamic(value: Any) -> bool:
    if is_dynamic(value):
        return True
    if type(value) in (list, set) or isinstance(value, tuple):
        return any(holds_dynamic(item) for item in iter_of(value))
    if type(value) is dict:
        return any(holds_dynamic(item) for item in value.values())
    return isinstance(value, prelude.SequenceIterator) and holds_dynamic(value.items)


def needs_prelude(machine: Machine, value: Any) -> bool:
    """Whether going through ``value`` natively would decide (or run code that does)."""
    return isinstance(value, (Generator, DynamicList, prelude.DynamicRange, *prelude.DECIDING))


def involved(machine: Machine, value: Any) -> bool:
    return needs_prelude(machine, value) or holds_dynamic(value) or _is_of_grown(value)


def _is_of_grown(value: Any) -> bool:
    """A dict of keys that are known only at run time, or a view of it, with an unknown number of them."""
    owner = value.owner if type(value) is prelude.KeyedView else value
    return type(owner) is prelude.KeyedDict and (
        prelude.is_grown(owner.own_keys) or prelude.is_grown(owner.own_values)
    )


def is_deciding(machine: Machine, function: Any) -> bool:
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return code in machine.facts.interpret


def orders_itself(key: Any) -> bool:
    """Whether code in Python compares the key: it may do so by numbers that are not known."""
    methods = (getattr(type(key), name, None) for name in ("__lt__", "__gt__"))
    return any(isinstance(method, types.FunctionType) for method in methods)

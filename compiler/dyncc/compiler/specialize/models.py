"""Models of builtins for arguments that are not known yet.

``apply`` returns the result, a :class:`Push` (call this instead), or NotImplemented (call it as it is).
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import itertools
import math
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as torch_functional  # noqa: F401  # its functions are recorded as they are

from dyncc.compiler.specialize import choices, lists, operators, prelude
from dyncc.compiler.specialize.frames import Generator
from dyncc.compiler.specialize.values import (
    Decision,
    DynamicList,
    DynamicTag,
    DynamicText,
    SymTensor,
    is_scalar,
    kind_of,
    scalar_op,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.machine import Machine

Model = Callable[["Machine", tuple[Any, ...], dict[str, Any]], Any]


@dataclass(frozen=True)
class Push:
    """Call ``func`` instead. ``resume``: go on with this generator, sending ``args``."""

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    continuation: str = ""
    payload: Any = None
    resume: Generator | None = None


MODELS: dict[Any, Model] = {}
METHOD_MODELS: dict[tuple[type, str], Model] = {}


def model(*functions: Any) -> Callable[[Model], Model]:
    def register(function: Model) -> Model:
        for target in functions:
            MODELS[target] = function
        return function

    return register


def apply(machine: Machine, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        found = MODELS.get(func)
    except TypeError:
        found = None
    if found is not None:
        return found(machine, args, kwargs)
    owner = getattr(func, "__self__", None)
    if isinstance(owner, Generator):
        return _generator_call(owner, func.__name__, args)
    if isinstance(func, types.BuiltinFunctionType) and func.__module__ == "math":
        return _math(machine, func.__name__, args)
    if type(func) is types.BuiltinMethodType or type(func) is types.MethodType:
        return _method(machine, owner, func.__name__, args, kwargs)
    return NotImplemented


def is_dynamic(value: Any) -> bool:
    """A value that native code could not go through without deciding."""
    return is_scalar(value) or isinstance(value, (SymTensor, DynamicList, Generator)) or type(value) in (
        DynamicTag, DynamicText, prelude.RangeIterator, prelude.ZipIterator, prelude.EnumerateIterator,
        prelude.MapIterator, prelude.FilterIterator, prelude.ListIterator, prelude.DynamicRange,
        prelude.SliceIterator, prelude.ChainIterator, prelude.CountIterator, prelude.RecordList,
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


# ---------------------------------------------------------------------------------- conversions


@model(bool)
def _bool(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) != 1:
        return NotImplemented
    truth = operators.truth(machine, args[0])
    if truth is None:
        return Push(operators.python_truth(machine, args[0]), args, {})
    return truth


@model(int)
def _int(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _number(machine, "int", args)


@model(float)
def _float(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _number(machine, "float", args)


def _number(machine: Machine, kind: str, args: tuple[Any, ...]) -> Any:
    if len(args) != 1:
        return NotImplemented
    value = args[0]
    if isinstance(value, torch.Tensor):
        value = machine.native(operators.item, value)
    if not is_scalar(value):
        return NotImplemented if value is args[0] else (int if kind == "int" else float)(value)
    return value if value.kind == kind else scalar_op(kind, value)


@model(len)
def _len(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    value = args[0] if args else None
    if isinstance(value, torch.Tensor):
        if machine.native(torch.Tensor.dim, value) == 0:
            return NotImplemented
        return machine.native(torch.Tensor.size, value, 0)
    if type(value) is prelude.RecordList:
        value = value.columns[0]
    if isinstance(value, DynamicList):
        return lists.length(machine, value)
    if isinstance(value, prelude.DynamicRange):
        return _range_length(value)
    return NotImplemented


def _range_length(value: Any) -> Any:
    span = value.stop - value.start
    count = (
        (span + value.step - 1) // value.step
        if not is_scalar(value.step) and value.step > 0
        else span // value.step
    )
    return scalar_op("max", count, 0)


@model(range)
def _range(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    values = [machine.native(operators.item, a) if isinstance(a, torch.Tensor) else a for a in args]
    if not any(is_scalar(value) for value in values):
        return (
            range(*values) if any(a is not b for a, b in zip(args, values, strict=True)) else NotImplemented
        )
    if any(is_scalar(v) and v.kind == "float" for v in values):
        return NotImplemented
    start, stop, step = (0, values[0], 1) if len(values) == 1 else (*values, 1)[:3]
    return prelude.DynamicRange(start, stop, step)


@model(str)
def _str(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) == 1 and not kwargs:
        return operators.formatted(machine, args[0], "s", "") if holds_dynamic(args[0]) else NotImplemented
    return NotImplemented


@model(repr)
def _repr(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return operators.formatted(machine, args[0], "r", "") if holds_dynamic(args[0]) else NotImplemented


@model(print)
def _print(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    machine.owner.warn("`print` is left out of the compiled program")
    return None


@model(type)
def _type(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) != 1:
        return NotImplemented
    value = args[0]
    if is_scalar(value):
        return {"int": int, "float": float, "bool": bool}[value.kind]
    if isinstance(value, SymTensor):
        return torch.Tensor
    if isinstance(value, DynamicList):
        return list
    if type(value) is DynamicTag:
        return type(value.table[0])
    return NotImplemented


# ------------------------------------------------------------------------------------ iteration


@model(iter)
def _iter(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return operators.iterator(machine, args[0]) if len(args) == 1 else NotImplemented


@model(next)
def _next(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if isinstance(args[0], Generator) and len(args) == 1:
        return Push(None, (), {}, resume=args[0])
    method = getattr(type(args[0]), "__next__", None)
    if not isinstance(method, types.FunctionType):
        return NotImplemented
    return Push(prelude.next_or, args, {}) if len(args) == 2 else Push(method, args, {})


def _iterators(machine: Machine, values: tuple[Any, ...]) -> list[Any] | None:
    made: list[Any] = []
    for value in values:
        iterator = operators.iterator(machine, value)
        if isinstance(iterator, Push):
            return None
        made.append(iterator)
    return made


@model(zip)
def _zip(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    iterators = _iterators(machine, args)
    return (
        NotImplemented if iterators is None else prelude.ZipIterator(iterators, kwargs.get("strict", False))
    )


@model(enumerate)
def _enumerate(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    iterators = _iterators(machine, args[:1])
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    return NotImplemented if iterators is None else prelude.EnumerateIterator(iterators[0], start)


@model(map)
def _map(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    iterators = _iterators(machine, args[1:])
    return NotImplemented if iterators is None else prelude.MapIterator(args[0], iterators)


@model(filter)
def _filter(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    iterators = _iterators(machine, args[1:])
    return NotImplemented if iterators is None else prelude.FilterIterator(args[0], iterators[0])


@model(reversed)
def _reversed(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    value = args[0]
    if isinstance(value, torch.Tensor):
        return prelude.SequenceIterator(tuple(reversed(machine.native(torch.unbind, value))))
    if isinstance(value, prelude.DynamicRange):
        last = value.start + (_range_length(value) - 1) * value.step
        return prelude.RangeIterator(last, value.start - value.step, -value.step)
    if isinstance(value, range):
        return operators.iterator(machine, value[::-1])
    if isinstance(value, DynamicList):
        return NotImplemented
    return prelude.SequenceIterator(tuple(machine.native(reversed, value)))


def _needs_prelude(machine: Machine, value: Any) -> bool:
    """Whether going through ``value`` natively would decide (or run code that does)."""
    return isinstance(value, (Generator, DynamicList, prelude.DynamicRange, *prelude.DECIDING))


@model(list)
def _list(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not args:
        return NotImplemented
    if isinstance(args[0], DynamicList):
        return lists.copied(machine, args[0])
    return (
        Push(prelude.as_list, args, {})
        if _needs_prelude(machine, args[0])
        else _iterated(machine, list, args)
    )


@model(tuple)
def _tuple(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not args:
        return NotImplemented
    return (
        Push(prelude.as_tuple, args, {})
        if _needs_prelude(machine, args[0])
        else _iterated(machine, tuple, args)
    )


@model(set)
def _set(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return NotImplemented


def _iterated(machine: Machine, cls: Any, args: tuple[Any, ...]) -> Any:
    """Iterate a tensor as the machine does, anything else natively."""
    if len(args) == 1 and isinstance(args[0], torch.Tensor):
        return cls(machine.native(torch.unbind, args[0]))
    return NotImplemented


@model(sum)
def _sum(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    return Push(prelude.sum_of, (args[0], start), {}) if _involved(machine, args[0]) else NotImplemented


@model(any)
def _any(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return Push(prelude.any_of, args, {}) if _involved(machine, args[0]) else NotImplemented


@model(all)
def _all(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return Push(prelude.all_of, args, {}) if _involved(machine, args[0]) else NotImplemented


def _involved(machine: Machine, value: Any) -> bool:
    return _needs_prelude(machine, value) or holds_dynamic(value)


@model(sorted)
def _sorted(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    key = kwargs.get("key")
    if not _involved(machine, args[0]) and not _decides(machine, key):
        with contextlib.suppress(Decision):  # (the items' keys may not be known)
            return machine.native(sorted, *args, **kwargs)
    return Push(prelude.sorted_list, (args[0], key, kwargs.get("reverse", False)), {})


@model(prelude.in_order)
def _in_order(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = choices.reordered(machine, *args)
    return NotImplemented if result is None else result


@model(prelude.best_of)
def _best_of(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = choices.extremum(machine, *args)
    return NotImplemented if result is None else result[0]


def _decides(machine: Machine, function: Any) -> bool:
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return code in machine.facts.interpret


def _extremum(largest: bool) -> Model:
    def apply_extremum(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key = kwargs.get("key")
        items = args[0] if len(args) == 1 else list(args)
        if not _involved(machine, items) and not _decides(machine, key):
            with contextlib.suppress(Decision):
                return machine.native(max if largest else min, *args, **kwargs)
        if (
            key is None
            and type(items) in (list, tuple)
            and items
            and all(kind_of(v) is not None for v in items)
        ) and len({kind_of(v) for v in items}) == 1:
            return functools.reduce(lambda a, b: _pair("max" if largest else "min", a, b), items)
        return Push(prelude.least, (items, key, kwargs.get("default", prelude._MISSING), largest), {})

    return apply_extremum


def _pair(op: str, left: Any, right: Any) -> Any:
    if is_scalar(left) or is_scalar(right):
        return scalar_op(op, left, right)
    return (max if op == "max" else min)(left, right)


MODELS[builtins.min] = _extremum(False)
MODELS[builtins.max] = _extremum(True)


@model(functools.reduce)
def _reduce(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return Push(prelude.reduce_of, args, {})


@model(itertools.islice)
def _islice(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    iterators = _iterators(machine, args[:1])
    bounds = slice(*args[1:])
    static = all(b is None or type(b) is int for b in (bounds.start, bounds.stop, bounds.step))
    if iterators is None or not static:
        return NotImplemented
    return prelude.SliceIterator(iterators[0], bounds.start or 0, bounds.stop, bounds.step or 1)


@model(itertools.count)
def _count(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    start = args[0] if args else kwargs.get("start", 0)
    return prelude.CountIterator(start, args[1] if len(args) > 1 else kwargs.get("step", 1))


@model(itertools.chain)
def _chain(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    iterators = _iterators(machine, args)
    return NotImplemented if iterators is None else prelude.ChainIterator(iterators)


@model(isinstance)
def _isinstance(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if type(args[0]) is DynamicText:
        return machine.native(isinstance, "", args[1])
    return NotImplemented


@model(getattr)
def _getattr(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    from dyncc.compiler.specialize import calls

    if len(args) >= 2 and type(args[1]) is str:
        getter = calls.attribute_getter(machine, args[0], args[1])
        if getter is not None:
            return Push(getter, (args[0],), {})
    return NotImplemented


# ------------------------------------------------------------------------------------ math, lists

_MATH_ALIASES = {"log": "math.log"}


@model(torch.tensor, torch.as_tensor)
def _tensor(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    items = args[0] if len(args) == 1 else None
    if not isinstance(items, DynamicList) or kwargs.get("dtype") is not None:
        return NotImplemented
    dtype = {"int": torch.int64, "bool": torch.bool}.get(getattr(items.element.type, "kind", ""))
    make = torch.tensor
    more = {name: value for name, value in kwargs.items() if name != "dtype"}
    return NotImplemented if dtype is None else Push(prelude.tensor_of_list, (make, items, dtype, more), {})


def _math(machine: Machine, name: str, args: tuple[Any, ...]) -> Any:
    from dyncc.runtime.hostops import HOST_OPS

    values = tuple(machine.native(operators.item, a) if isinstance(a, torch.Tensor) else a for a in args)
    if not any(is_scalar(value) for value in values):
        return NotImplemented if values == args else machine.native(getattr(math, name), *values)
    if name in ("prod", "fsum", "gcd", "lcm", "comb", "perm", "factorial"):
        return NotImplemented
    op = "math.log_base" if name == "log" and len(values) == 2 else f"math.{name}"
    return scalar_op(op, *values) if op in HOST_OPS else NotImplemented


def _method(machine: Machine, owner: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if type(owner) is prelude.RecordList:
        return NotImplemented
    if isinstance(owner, DynamicList):
        return lists.method(machine, owner, name, args, kwargs)
    if isinstance(owner, list) and name == "extend" and len(args) == 1 and _needs_prelude(machine, args[0]):
        return Push(prelude.extend_list, (owner, args[0]), {})
    if isinstance(owner, list) and name == "sort":
        if holds_dynamic(owner) or _decides(machine, kwargs.get("key")):
            return Push(prelude.sort_in_place, (owner, kwargs.get("key"), kwargs.get("reverse", False)), {})
        return NotImplemented
    if (
        isinstance(owner, str)
        and name == "format"
        and any(holds_dynamic(a) for a in (*args, *kwargs.values()))
    ):
        return operators.format_method(machine, owner, args, kwargs)
    if isinstance(owner, str) and name == "join" and args and _needs_prelude(machine, args[0]):
        return Push(_join_text, (owner, args[0]), {})
    return NotImplemented


def _join_text(separator: Any, items: Any) -> Any:
    return separator.join(list(items))


def _generator_call(generator: Generator, name: str, args: tuple[Any, ...]) -> Any:
    if name == "__next__":
        return Push(None, (), {}, resume=generator)
    return NotImplemented

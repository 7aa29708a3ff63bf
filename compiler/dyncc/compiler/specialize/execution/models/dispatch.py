"""The model of a call, if there is one: of a function, of ``math``, of a method or of a generator."""

from __future__ import annotations

import collections
import math
import types
from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution import calls, mappings
from dyncc.compiler.specialize.execution.frames import Generator, Push
from dyncc.compiler.specialize.execution.models import arrays, linalg, messages
from dyncc.compiler.specialize.execution.models.dynamic import holds_dynamic, involved, needs_prelude
from dyncc.compiler.specialize.execution.models.registry import MODELS
from dyncc.compiler.specialize.execution.operators import texts
from dyncc.compiler.specialize.execution.operators.reading import number_in
from dyncc.compiler.specialize.lists import operations
from dyncc.compiler.specialize.lists.elements import Choice
from dyncc.compiler.specialize.values import (
    DynamicList,
    is_scalar,
    scalar_op,
)
from dyncc.runtime.hostops import HOST_OPS

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


_SPECIAL = {
    len: "__len__", abs: "__abs__", int: "__int__", float: "__float__", round: "__round__", str: "__str__",
    repr: "__repr__", reversed: "__reversed__",
}  # fmt: skip
"""Builtins that are a special method of their first argument."""


def apply(machine: Machine, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if _is_one(func, prelude.mappings.KINDS) and not _generated(args):
        return mappings.constructed(machine, func, args, kwargs)
    if args and type(args[0]) is prelude.KeyedSet and _in_any_order(func, args, kwargs):
        args = (args[0].members, *args[1:])
    replaced = arrays.replaced(machine, func, args, kwargs)
    if replaced is not None:
        return replaced
    try:
        found = MODELS.get(func)
        special = _SPECIAL.get(func)
    except TypeError:
        found = special = None
    if special is not None and args:
        method = calls.special_method(machine, args[0], special)
        if method is not None and not (func is len and type(args[0]) is prelude.RecordList):
            return Push(method, args, kwargs)
    if found is not None:
        return found(machine, args, kwargs)
    if _consumes(func) and any(type(arg) is prelude.RecordList for arg in args):
        owner = None if isinstance(func, type) else getattr(func, "__self__", None)
        name = getattr(func, "__name__", "")
        return Push(prelude.functions.taken_in, (func, owner, name, args, kwargs), {})
    if _compares_sets(func) and any(type(arg) is prelude.KeyedSet for arg in args):
        return Push(prelude.keyed_sets.beside_keyed, (func.__self__, func.__name__, args), {})
    if _consumes(func) and _generated(args):
        return Push(prelude.of_lists, (func, args, kwargs), {})
    if messages.is_log(func):
        return messages.left_out(machine, "logging")
    owner = getattr(func, "__self__", None)
    if isinstance(owner, Generator):
        return _generator_call(machine, owner, func.__name__, args)
    if isinstance(func, types.BuiltinFunctionType) and func.__module__ == "math":
        return _math(machine, func.__name__, args)
    if type(func) is types.BuiltinMethodType or type(func) is types.MethodType:
        return _method(machine, owner, func.__name__, args, kwargs)
    return NotImplemented


_IN_ANY_ORDER = (sorted, min, max, sum, any, all)
"""What gives the same for a set in whatever order it goes through that."""


def _in_any_order(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call gives the same in whatever order it goes through its first argument."""
    return _is_one(func, _IN_ANY_ORDER) and "key" not in kwargs and (len(args) == 1 or func is sum)


def _generated(args: tuple[Any, ...]) -> bool:
    """Whether an argument is an iterator that runs code: it is made a list first."""
    return any(isinstance(arg, (Generator, *prelude.DECIDING)) for arg in args)


_CONTAINERS = (dict, set, frozenset, collections.OrderedDict, collections.deque, collections.Counter)
_METHODS = frozenset(
    "update extend extendleft union intersection difference symmetric_difference intersection_update "
    "difference_update symmetric_difference_update issubset issuperset isdisjoint subtract fromkeys".split()
)
_SET_METHODS = frozenset(
    "union intersection difference symmetric_difference issubset issuperset isdisjoint".split()
)


def _consumes(func: Any) -> bool:
    """Whether ``func`` goes through its arguments once, to the end, and calls nothing meanwhile."""
    if _is_one(func, (*_CONTAINERS, collections.defaultdict)):
        return True
    owner = getattr(func, "__self__", None)
    container = isinstance(owner, (*_CONTAINERS, list)) or _is_one(owner, _CONTAINERS)
    builtin = type(func) is types.BuiltinMethodType or type(owner) in _CONTAINERS
    return container and builtin and getattr(func, "__name__", "") in _METHODS


def _compares_sets(func: Any) -> bool:
    """Whether ``func`` is a method of a set of CPython's that changes nothing."""
    owner = getattr(func, "__self__", None)
    return type(owner) in (set, frozenset) and getattr(func, "__name__", "") in _SET_METHODS


def _is_one(value: Any, among: tuple[type, ...]) -> bool:
    return any(value is other for other in among)


def _math(machine: Machine, name: str, args: tuple[Any, ...]) -> Any:
    values = tuple(number_in(machine, a, "number") if isinstance(a, torch.Tensor) else a for a in args)
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
        return operations.method(machine, owner, name, args, kwargs)
    if (
        name == "fromkeys"
        and _is_one(owner, (dict, collections.OrderedDict))
        and involved(machine, args[:1])
    ):
        return Push(prelude.mappings.from_keys, (owner, *args), kwargs)
    if mappings.is_plain(owner):
        return mappings.method(machine, owner, name, args, kwargs)
    if isinstance(owner, torch.Tensor):
        return _tensor_method(machine, owner, name, args, kwargs)
    own = isinstance(owner, list) and getattr(type(owner), name, None) is getattr(list, name, None)
    if own and name == "extend" and len(args) == 1 and needs_prelude(machine, args[0]):
        return Push(prelude.extend_list, (owner, args[0]), {})
    if own and name in ("index", "count") and len(args) == 1:
        if holds_dynamic(owner) or holds_dynamic(args[0]):
            return Push(prelude.index_in if name == "index" else prelude.count_in, (owner, args[0]), {})
        return NotImplemented
    if own and name == "pop" and len(args) == 1:
        index = number_in(machine, args[0], "index") if isinstance(args[0], torch.Tensor) else args[0]
        if is_scalar(index) and index.kind in ("int", "bool"):
            machine.facts.demand(index.origins)
            return Push(prelude.pop_of, (owner, index), {})
        return NotImplemented if index is args[0] else machine.native(list.pop, owner, index)
    if own and name == "sort":
        return Push(prelude.sort_in_place, (owner, kwargs.get("key"), kwargs.get("reverse", False)), {})
    if (
        isinstance(owner, str)
        and name == "format"
        and any(holds_dynamic(a) for a in (*args, *kwargs.values()))
    ):
        return texts.format_method(machine, owner, args, kwargs)
    if isinstance(owner, str) and name == "join" and args:
        return _join(machine, owner, args[0])
    return NotImplemented


def _join(machine: Machine, separator: str, items: Any) -> Any:
    if type(items) is prelude.RecordList and isinstance(items.element, Choice):
        return texts.join_texts(machine, separator, items)
    if needs_prelude(machine, items):
        return Push(prelude.join_text, (separator, items), {})
    return texts.join_method(machine, separator, items) if holds_dynamic(items) else NotImplemented


def _tensor_method(
    machine: Machine, owner: torch.Tensor, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if name == "equal":
        return MODELS[torch.equal](machine, (owner, *args), kwargs)
    if name in prelude.linalg.METHODS:
        return linalg.defined(prelude.linalg.METHODS[name], (owner, *args), kwargs)
    if name == "tolist" and any(map(is_scalar, machine.native(torch.Tensor.size, owner))):
        return Push(prelude.list_of_tensor, (owner,), {})
    return NotImplemented


def _generator_call(machine: Machine, generator: Generator, name: str, args: tuple[Any, ...]) -> Any:
    if name == "__next__":
        return Push(None, (), {}, resume=generator)
    if name == "send":
        return Push(None, ("send", *args), {}, resume=generator)
    if name == "throw":
        # (with three arguments, as ``contextlib`` gives them: a type, an exception, its traceback)
        error = next((value for value in args if isinstance(value, BaseException)), args[0])
        if isinstance(error, type):
            error = machine.native(error, *args[1:2])
        return Push(None, ("throw", error), {}, resume=generator)
    return Push(prelude.close_generator, (generator,), {}) if name == "close" else NotImplemented

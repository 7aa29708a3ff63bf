"""Reductions and orders: sums, quantifiers, extrema, sorting."""

from __future__ import annotations

import builtins
import contextlib
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution import choices
from dyncc.compiler.specialize.execution.frames import Push
from dyncc.compiler.specialize.execution.models.dynamic import (
    holds_dynamic,
    involved,
    is_deciding,
    orders_itself,
)
from dyncc.compiler.specialize.execution.models.registry import MODELS, model
from dyncc.compiler.specialize.values import (
    Decision,
    is_scalar,
    kind_of,
    scalar_op,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine
    from dyncc.compiler.specialize.execution.models.registry import Model


@model(sum)
def _sum(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    return Push(prelude.sum_of, (args[0], start), {}) if involved(machine, args[0]) else NotImplemented


def _knowing(function: Callable[..., Any]) -> Model:
    """Of a function of ours that knows of numbers which are not known: it is not interpreted."""
    return lambda machine, args, kwargs: function(*args)


MODELS.update({function: _knowing(function) for function in (kind_of, prelude.is_float, prelude.made_up)})


@model(any)
def _any(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return Push(prelude.any_of, args, {}) if involved(machine, args[0]) else NotImplemented


@model(all)
def _all(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return Push(prelude.all_of, args, {}) if involved(machine, args[0]) else NotImplemented


@model(sorted)
def _sorted(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    key = kwargs.get("key")
    if key is None and not involved(machine, args[0]):
        with contextlib.suppress(Decision):  # (parts of the items may not be known)
            return machine.native(sorted, *args, **kwargs)
    return Push(prelude.sorted_list, (args[0], key, kwargs.get("reverse", False)), {})


@model(prelude.in_order)
def _in_order(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = choices.reordered(machine, *args)
    if result is not None:
        return result
    if _known(machine, args[1]):
        order = machine.native(sorted, range(len(args[1])), key=args[1].__getitem__, reverse=args[2])
        return [args[0][position] for position in order]
    known = all(type(values) is list for values in args[:2])
    return NotImplemented if known else Push(prelude.by_insertion, args, {})


@model(prelude.best_of)
def _best_of(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = choices.extremum(machine, *args)
    if result is not None:
        return result[0]
    if not _known(machine, args[1]):
        return NotImplemented
    best = max if args[2] else min
    return args[0][machine.native(best, range(len(args[1])), key=args[1].__getitem__)]


def _known(machine: Machine, keys: Any) -> bool:
    """Whether keys are of known length and values: keys were asked for one by one, since that may read."""
    return type(keys) is list and not any(
        holds_dynamic(key) or is_deciding(machine, key) or orders_itself(key) for key in keys
    )


def _extremum(largest: bool) -> Model:
    def apply_extremum(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key = kwargs.get("key")
        items = args[0] if len(args) == 1 else list(args)
        if key is None and not involved(machine, items):
            with contextlib.suppress(Decision):
                return machine.native(max if largest else min, *args, **kwargs)
        if (
            key is None
            and type(items) in (list, tuple)
            and items
            and all(kind_of(v) is not None for v in items)
        ) and len({kind_of(v) for v in items}) == 1:
            return functools.reduce(lambda a, b: _pair("max" if largest else "min", a, b), items)
        return Push(prelude.least, (items, key, kwargs.get("default", prelude.MISSING), largest), {})

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

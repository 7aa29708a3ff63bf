"""``heapq`` and ``bisect``: lists that are kept in an order, item by item."""

from __future__ import annotations

import bisect
import contextlib
import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize.execution import choices
from dyncc.compiler.specialize.execution.frames import Push
from dyncc.compiler.specialize.execution.models.dynamic import involved, is_deciding, orders_itself
from dyncc.compiler.specialize.execution.models.registry import MODELS, model
from dyncc.compiler.specialize.prelude import RecordList, bisection, heaps
from dyncc.compiler.specialize.values import Decision, DynamicList, kind_of

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine
    from dyncc.compiler.specialize.execution.models.registry import Model


def _in_place_of(definition: Callable[..., Any], kinds: tuple[type, ...]) -> Model:
    """A definition of the prelude where one of the items may decide. ``kinds`` are those that it takes."""

    def apply(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not args or type(args[0]) not in kinds:
            return NotImplemented
        values = (*args, *kwargs.values())
        if type(args[0]) in (list, tuple) and not _decides(machine, (*args[0], *values)):
            return NotImplemented
        return Push(definition, args, kwargs)

    return apply


def _decides(machine: Machine, values: tuple[Any, ...]) -> bool:
    return any(involved(machine, v) or orders_itself(v) or is_deciding(machine, v) for v in values)


def _selects(original: Callable[..., Any], definition: Callable[..., Any]) -> Model:
    """``nlargest`` and ``nsmallest``, as ``sorted``."""

    def apply(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if len(args) == 2 and kwargs.get("key") is None and not involved(machine, args[1]):
            with contextlib.suppress(Decision):  # (parts of the items may not be known)
                return machine.native(original, *args, **kwargs)
        return Push(definition, args, kwargs)

    return apply


@model(heaps.foremost)
def _foremost(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    count, items, keys, greatest = args
    found = choices.foremost(machine, items, keys, greatest, count) if type(count) is int else None
    return NotImplemented if found is None else found


@model(heaps.places)
def _places(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    count, keys, greatest = args
    whole = kind_of(count) in ("int", "bool") and choices.is_of_numbers(keys)
    return choices.places(machine, keys, greatest, count) if whole else NotImplemented


def _finds(definition: Callable[..., Any], after: bool) -> Model:
    """``bisect``: of a number among numbers without a decision."""
    by_decisions = _in_place_of(definition, (*_LISTS, tuple))

    def apply(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if len(args) == 2 and kwargs.get("key") is None and kwargs.keys() <= {"key"}:
            found = choices.place(machine, args[0], args[1], after)
            if found is not None:
                return found
        return by_decisions(machine, args, kwargs)

    return apply


_LISTS = (list, DynamicList, RecordList)
_HEAPS = {
    "heappush": heaps.pushed, "heappop": heaps.popped, "heapify": heaps.made_heap,
    "heapreplace": heaps.replaced, "heappushpop": heaps.pushed_and_popped,
    "_heapify_max": heaps.made_falling_heap, "_heappop_max": heaps.popped_greatest,
    "_heapreplace_max": heaps.replaced_greatest,
}  # fmt: skip

for _name, _definition in _HEAPS.items():
    if hasattr(heapq, _name):
        MODELS[getattr(heapq, _name)] = _in_place_of(_definition, _LISTS)

MODELS[heapq.merge] = lambda machine, args, kwargs: Push(heaps.merged, args, kwargs)
MODELS[heapq.nlargest] = _selects(heapq.nlargest, heaps.largest)
MODELS[heapq.nsmallest] = _selects(heapq.nsmallest, heaps.smallest)
MODELS[bisect.bisect_right] = _finds(bisection.place_after, True)
MODELS[bisect.bisect_left] = _finds(bisection.place_before, False)
MODELS[bisect.insort_right] = _in_place_of(bisection.inserted_after, _LISTS)
MODELS[bisect.insort_left] = _in_place_of(bisection.inserted_before, _LISTS)

"""Comparisons of tuples and lists of known length, whose items may decide; of lists of run-time length."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution.models.dynamic import involved, iter_of, orders_itself
from dyncc.compiler.specialize.execution.operators.conditions import are_numbers
from dyncc.compiler.specialize.values import DynamicList, DynamicTag, kind_of
from dyncc.runtime.program import ScalarType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


_METHODS = {"<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__", "==": "__eq__", "!=": "__ne__"}
_DEFINITIONS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("<", "<=", ">", ">="), prelude.sequences_in_order),
    **dict.fromkeys(("==", "!="), prelude.equal_sequences),
}


def comparison(
    machine: Machine, op: str, left: Any, right: Any
) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    """The definition that compares them item by item, and its arguments.

    None where they are no two sequences of a kind, or are compared at once: numbers and what is known.
    """
    grown = isinstance(left, DynamicList) or isinstance(right, DynamicList)
    if grown and op in ("==", "!=") and _are_whole(left) and _are_whole(right):
        return prelude.equal_lists, (op, left, right)
    definition = _DEFINITIONS.get(op)
    if definition is None or not any(_are(kind, op, left, right) for kind in (tuple, list)):
        return None
    items = (*iter_of(left), *iter_of(right))
    if are_numbers(left, right) or not any(involved(machine, i) or orders_itself(i) for i in items):
        return None
    if any(type(item) is DynamicTag for item in items):
        return None  # (that forks on the text, which the way into a ``finally`` counts on)
    numbers = _numbers_before(left, right)
    if definition is prelude.equal_sequences and all(i is None or kind_of(i) is not None for i in items):
        return None
    return definition, (op, left, right, numbers)


def _are_whole(items: Any) -> bool:
    """Whether it is a list of ints or bools. (One and the same nan is equal to itself in a list.)"""
    if isinstance(items, DynamicList):
        return isinstance(items.element.type, ScalarType) and items.element.type.kind != "float"
    return type(items) is list and all(kind_of(item) in ("int", "bool") for item in items)


def _numbers_before(left: Any, right: Any) -> int:
    """How many numbers both begin with."""
    numbers = 0
    for one, other in zip(iter_of(left), iter_of(right), strict=False):
        if kind_of(one) is None or kind_of(other) is None:
            break
        numbers += 1
    return numbers


def _are(kind: type, op: str, left: Any, right: Any) -> bool:
    """Whether both are of a kind, and compared as such."""
    method = _METHODS[op]
    return all(
        issubclass(cls, kind)
        and not issubclass(cls, DynamicList)
        and getattr(cls, method) is getattr(kind, method)
        for cls in (type(left), type(right))  # (a list of records only says that it is a list)
    )

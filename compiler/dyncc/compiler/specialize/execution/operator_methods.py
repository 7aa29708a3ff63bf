"""Operators of a user's classes: which methods CPython asks, in which order."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize.execution.calls import must_interpret
from dyncc.compiler.specialize.values import COMPARISONS, DynamicList, SymTensor, kind_of

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine

Attempt = tuple[Any, Any, Any, bool]
"""A method, its two arguments, and whether its result is negated."""

_METHODS = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow",
    "@": "matmul", "<<": "lshift", ">>": "rshift", "&": "and", "|": "or", "^": "xor",
    "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne",
}  # fmt: skip
_SWAPPED = {"<": "gt", "<=": "ge", ">": "lt", ">=": "le", "==": "eq", "!=": "ne"}
_SEQUENCES = (list, tuple, str, bytes, bytearray)
"""Their ``+`` and ``*`` come after all methods for numbers, and do not give NotImplemented."""


def operation(
    machine: Machine, symbol: str, left: Any, right: Any, inplace: bool
) -> tuple[tuple[Attempt, ...], str, tuple[Any, Any], tuple[str, str]] | None:
    """Arguments of :func:`prelude.operate` where an operator is a method that must be interpreted.

    The order is that of CPython (``binary_op1``, ``do_richcompare``): the right operand comes first where
    its class is derived from the left one's and has a method of its own.
    """
    if symbol not in _METHODS:
        return None
    comparison = symbol in COMPARISONS
    own = [_attempt(left, right, f"__{_METHODS[symbol]}__", symbol)]
    swapped = f"__{_SWAPPED[symbol]}__" if comparison else f"__r{_METHODS[symbol]}__"
    other = [_attempt(right, left, swapped, symbol)]
    same = type(left) is type(right)
    if same and not comparison:
        attempts = own
    elif not same and issubclass(type(right), type(left)) and _overrides(right, left, swapped):
        attempts = other + own
    else:
        attempts = own + other
    if inplace:
        attempts = [_attempt(left, right, f"__i{_METHODS[symbol]}__", symbol), *attempts]
    found = tuple(attempt for attempt in attempts if attempt is not None)
    if not any(negated or must_interpret(machine, method) for method, *_, negated in found):
        return None
    return found, symbol + "=" * inplace, (left, right), (_type_name(left), _type_name(right))


def _attempt(one: Any, other: Any, name: str, symbol: str) -> Attempt | None:
    if kind_of(one) is not None or isinstance(one, DynamicList):
        return None  # numbers know nothing of other classes
    method = getattr(type(one), name, None)
    if isinstance(one, _SEQUENCES) and symbol in ("+", "*") and not isinstance(method, types.FunctionType):
        return None
    negated = symbol == "!=" and method is object.__ne__
    if negated:
        method = type(one).__eq__  # and CPython decides on what that gives
    if method is None or method in (getattr(object, name, None), object.__eq__):
        return None
    return method, one, other, negated


def _overrides(right: Any, left: Any, name: str) -> bool:
    return getattr(type(right), name, None) is not getattr(type(left), name, None)


def _type_name(value: Any) -> str:
    return kind_of(value) or ("Tensor" if isinstance(value, SymTensor) else type(value).__name__)

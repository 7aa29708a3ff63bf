"""The table of our decompositions, to which the modules of this package add."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])

DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {}
"""ATen operator → a function of the same arguments in terms of other operators. It may return
NotImplemented: then the operator stays, and torch.onnx translates it."""

LIMITED: dict[Any, str] = {}
"""Operator (of any overload) → for what alone it is decomposed, where that is not all."""


def decomposes(*operators: torch._ops.OpOverload) -> Callable[[F], F]:
    """Enter a function into the table for these operators."""

    def enter(function: F) -> F:
        for operator in operators:
            DECOMPOSITIONS[operator] = function
        return function

    return enter


def is_symbolic(value: Any) -> bool:
    """Whether ``value`` is a number that is known only at run time."""
    return isinstance(value, torch.SymInt | torch.SymFloat | torch.SymBool)


def equal(one: Any, other: Any) -> bool:
    """Whether two sizes are known to be equal."""
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    return str(one) == str(other)


def number(value: Any, dtype: torch.dtype) -> torch.Tensor:
    """A number as a 0-d tensor."""
    return torch.full((), value, dtype=dtype)

"""Unary and binary operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.execution.operators.texts import (
    concatenate_text,
    holds_numbers_as_text,
    percent,
)
from dyncc.compiler.specialize.lists import operations
from dyncc.compiler.specialize.values import (
    INPLACE_OPERATORS,
    PYTHON_OPERATORS,
    UNARY,
    DynamicList,
    DynamicText,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def unary(machine: Machine, op: str, value: Any) -> Any:
    return machine.native(UNARY[op], value)


def binary(machine: Machine, op: str, left: Any, right: Any, inplace: bool) -> Any:
    if op == "+" and (type(left) is DynamicText or type(right) is DynamicText):
        return concatenate_text([left, right])
    if op == "%" and isinstance(left, str) and holds_numbers_as_text(right):
        return percent(left, right)
    if op == "+" and (isinstance(left, DynamicList) or isinstance(right, DynamicList)):
        joined = operations.joined(machine, left, right, inplace)
        if joined is not NotImplemented:
            return joined
    if inplace and op == "+" and type(left) is list and isinstance(right, torch.Tensor):
        return machine.native(INPLACE_OPERATORS[op], left, list(machine.native(torch.unbind, right)))
    function = (INPLACE_OPERATORS if inplace else PYTHON_OPERATORS)[op]
    result = machine.native(function, left, right)
    # A tensor that is changed in place stays what it is: a parameter, say.
    same = inplace and op != "@" and isinstance(left, torch.Tensor) and isinstance(result, torch.Tensor)
    return left if same else result

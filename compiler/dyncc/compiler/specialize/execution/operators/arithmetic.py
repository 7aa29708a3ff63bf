"""Unary and binary operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution.operators.texts import (
    concatenate_text,
    holds_unknown,
    percent,
)
from dyncc.compiler.specialize.lists import operations
from dyncc.compiler.specialize.values import (
    INPLACE_OPERATORS,
    PYTHON_OPERATORS,
    UNARY,
    DynamicList,
    DynamicText,
    is_scalar,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def unary(machine: Machine, op: str, value: Any) -> Any:
    return machine.native(UNARY[op], value)


def binary(machine: Machine, op: str, left: Any, right: Any, inplace: bool) -> Any:
    if op == "+" and (type(left) is DynamicText or type(right) is DynamicText):
        return concatenate_text([left, right])
    if op == "%" and type(left) is str and holds_unknown(right):
        text = percent(machine, left, right)
        if text is not NotImplemented:
            return text
    if op == "+" and (isinstance(left, DynamicList) or isinstance(right, DynamicList)):
        joined = operations.joined(machine, left, right, inplace)
        if joined is not NotImplemented:
            return joined
    if inplace and op == "+" and type(left) is list and isinstance(right, torch.Tensor):
        return machine.native(INPLACE_OPERATORS[op], left, list(machine.native(torch.unbind, right)))
    function = (INPLACE_OPERATORS if inplace else PYTHON_OPERATORS)[op]
    if (combine := with_arrays(machine, left, right)) is not None:
        return machine.native(combine, function, left, right)
    result = machine.native(function, left, right)
    # A tensor that is changed in place stays what it is: a parameter, say.
    same = inplace and op != "@" and isinstance(left, torch.Tensor) and isinstance(result, torch.Tensor)
    return left if same else result


def with_arrays(machine: Machine, left: Any, right: Any) -> Any:
    """How an operator is applied where one operand is an array of NumPy's and the other is of PyTorch, or a
    number that is not known; None where there is nothing special about them."""
    for one, other in ((left, right), (right, left)):
        if prelude.arrays.is_array(one) and isinstance(other, torch.Tensor):
            return prelude.arrays.mixed
        if isinstance(one, np.ndarray | np.generic) and is_scalar(other):
            machine.facts.read_as_arrays()
            return prelude.arrays.with_number
    return None

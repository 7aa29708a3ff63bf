"""Iteration: ``iter`` as an object whose state is data, and unpacking."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution import calls
from dyncc.compiler.specialize.execution.frames import Generator, Push
from dyncc.compiler.specialize.execution.native import Raised
from dyncc.compiler.specialize.facts import SMALL_LOOP
from dyncc.compiler.specialize.values import (
    DynamicList,
    is_scalar,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


_OF_C = ("builtins", "collections", "_collections", "array")
"""Where containers of C are at home, whose iterators do not tell how far they are."""


def iterator(machine: Machine, value: Any) -> Any:
    """``iter(value)`` as an object whose state is data, or a Push of a method to be interpreted."""
    if isinstance(value, torch.Tensor):
        return _tensor_iterator(machine, value)
    if isinstance(value, DynamicList) or type(value) is prelude.RecordList:
        return prelude.ListIterator(value, len)
    if isinstance(value, Generator):
        return value
    if isinstance(value, range):
        frame, at = machine.executing
        loop = (frame.function.code, *at)
        if len(value) <= SMALL_LOOP and loop not in machine.facts.rolled:
            return prelude.SequenceIterator(value, loop)
        return prelude.RangeIterator(value.start, value.stop, value.step)
    method = calls.special_method(machine, value, "__iter__")
    if method is not None:
        return Push(method, (value,), {})
    if isinstance(value, (list, tuple)) and type(value).__iter__ in (list.__iter__, tuple.__iter__):
        return prelude.SequenceIterator(value)
    made = machine.native(iter, value)
    if type(made).__module__ in _OF_C and not isinstance(made, (map, filter, types.GeneratorType)):
        return prelude.SequenceIterator(machine.native(tuple, made))
    return made


def _tensor_iterator(machine: Machine, value: Any) -> Any:
    if machine.native(torch.Tensor.dim, value) == 0:
        raise Raised(TypeError("iteration over a 0-d tensor"))
    size = machine.native(torch.Tensor.size, value, 0)
    if is_scalar(size) or size > 64:
        return prelude.ListIterator(value, len)
    return prelude.SequenceIterator(machine.native(torch.unbind, value))


def unpacked(machine: Machine, value: Any) -> Iterable[Any]:
    """The elements of an iterable of static length (for ``a, b = …`` and ``f(*…)``)."""
    if isinstance(value, torch.Tensor):
        if machine.native(torch.Tensor.dim, value) == 0:
            raise Raised(TypeError("iteration over a 0-d tensor"))
        return machine.native(torch.unbind, value)
    if isinstance(value, (DynamicList, prelude.DynamicRange)):
        if isinstance(value, DynamicList):
            machine.facts.demand(value.origins)
        machine.refuse(
            "DY110", "the number of elements is known only at run time", "unpacked here",
            helps=("loop over the elements, or index them",),
        )  # fmt: skip
    if isinstance(value, Generator):
        machine.refuse(
            "DY101", "unpacking a generator in this place is not supported", "unpacked here",
            helps=("make a list of it first: `list(...)`",),
        )  # fmt: skip
    return machine.native(list, value)

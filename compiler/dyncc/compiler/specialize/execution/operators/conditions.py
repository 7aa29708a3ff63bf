"""Truth, comparison and membership of values that are not known yet."""

from __future__ import annotations

from collections.abc import Iterator, KeysView
from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.execution import calls
from dyncc.compiler.specialize.execution.identity import is_library
from dyncc.compiler.specialize.execution.operators.arithmetic import with_arrays
from dyncc.compiler.specialize.execution.operators.reading import number_in
from dyncc.compiler.specialize.execution.operators.tags import look_up
from dyncc.compiler.specialize.lists import operations
from dyncc.compiler.specialize.lists.copies import class_of, made_anew, refuse_identity
from dyncc.compiler.specialize.prelude.iterators import DynamicRange
from dyncc.compiler.specialize.prelude.keys import holds, is_unknown
from dyncc.compiler.specialize.values import (
    COMPARISONS,
    DynamicList,
    DynamicTag,
    DynamicText,
    SymTensor,
    is_scalar,
    kind_of,
    scalar_op,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def truth(machine: Machine, value: Any) -> Any:
    """``bool(value)``: a bool, a bool Scalar, or None where the truth is a method to be interpreted."""
    if isinstance(value, torch.Tensor):
        return _tensor_truth(machine, value)
    if is_scalar(value):
        return value if value.kind == "bool" else scalar_op("bool", value)
    if isinstance(value, DynamicList):
        return scalar_op("gt", operations.length(machine, value), 0)
    if isinstance(value, DynamicRange):
        return scalar_op("gt", range_length(value), 0)
    if type(value) is DynamicTag:
        return look_up(machine, value, tuple(bool(v) for v in value.table), "bool")
    if type(value) is DynamicText:
        return True
    if python_truth(machine, value) is not None:
        return None
    return machine.native(bool, value)


def range_length(value: DynamicRange) -> Any:
    return scalar_op("max", -((value.start - value.stop) // value.step), 0)


def _tensor_truth(machine: Machine, value: Any) -> Any:
    number = number_in(machine, value, "truth")
    if not is_scalar(number):
        return bool(number)
    return number if number.kind == "bool" else scalar_op("bool", number)


def python_truth(machine: Machine, value: Any) -> Any:
    """A ``__bool__`` or ``__len__`` of a user's class that must be interpreted."""
    return calls.special_method(machine, value, "__bool__") or (
        None if hasattr(type(value), "__bool__") else calls.special_method(machine, value, "__len__")
    )


def negate(machine: Machine, value: Any) -> Any:
    if is_scalar(value):
        return scalar_op("not", value)
    return not truth(machine, value) if not isinstance(value, bool) else not value


def compare(machine: Machine, op: str, left: Any, right: Any) -> Any:
    if op in ("is", "is-not"):
        return _identity(machine, left, right, op == "is-not")
    if op in ("in", "not-in"):
        found = contains(machine, left, right)
        return found if op == "in" else negate(machine, found)
    tag = left if type(left) is DynamicTag else right if type(right) is DynamicTag else None
    other = right if tag is left else left
    if tag is not None and op in ("==", "!=") and not special_value(other):
        results = tuple((v == other) if op == "==" else (v != other) for v in tag.table)
        return look_up(machine, tag, results, "bool")
    if op in ("==", "!="):
        equal = _equal(left, right)
        if equal is not NotImplemented:
            return equal if op == "==" else negate(machine, equal)
    if op in ("<", "<=", ">", ">=") and are_numbers(left, right):
        return _ordered(op, tuple.__iter__(tuple(left)), tuple.__iter__(tuple(right)))
    if (combine := with_arrays(machine, left, right)) is not None:
        return machine.native(combine, COMPARISONS[op], left, right)
    return machine.native(COMPARISONS[op], left, right)


def are_numbers(left: Any, right: Any) -> bool:
    """Whether they are two tuples or two lists of numbers, of known length."""
    for kind in (tuple, list):
        if isinstance(left, kind) and isinstance(right, kind):
            dynamic = isinstance(left, DynamicList) or isinstance(right, DynamicList)
            return (
                not dynamic
                and any(map(is_scalar, (*left, *right)))
                and all(kind_of(value) is not None for value in (*left, *right))
            )
    return False


def _ordered(op: str, left: Iterator[Any], right: Iterator[Any]) -> Any:
    """The order of sequences of numbers: that of the first two that differ, else of the lengths."""
    missing = object()
    one, other = next(left, missing), next(right, missing)
    if one is missing or other is missing:
        return COMPARISONS[op](int(one is not missing), int(other is not missing))
    rest = _ordered(op, left, right)
    strict = COMPARISONS[op[0]](one, other)
    same = one == other
    if not is_scalar(strict) and not is_scalar(same):
        return strict if strict or not same else rest
    return scalar_op("or_", strict, scalar_op("and_", same, rest))


def _equal(left: Any, right: Any) -> Any:
    """Equality of sizes and other numbers, one by one or in sequences; NotImplemented for anything else."""
    if is_scalar(left) or is_scalar(right):
        if kind_of(left) is None or kind_of(right) is None:
            return NotImplemented
        return True if _same_size(left, right) else scalar_op("eq", left, right)
    if not (isinstance(left, (list, tuple)) and isinstance(right, (list, tuple))):
        return NotImplemented
    if isinstance(left, DynamicList) or isinstance(right, DynamicList) or not _holds_numbers(left, right):
        return NotImplemented
    if len(left) != len(right) or isinstance(left, list) != isinstance(right, list):
        return False
    result: Any = True
    for one, other in zip(tuple.__iter__(tuple(left)), tuple(right), strict=True):
        equal = _equal(one, other)
        equal = one == other if equal is NotImplemented else equal
        if equal is False:
            return False
        result = equal if result is True else result if equal is True else scalar_op("and_", result, equal)
    return result


def _holds_numbers(left: Any, right: Any) -> bool:
    """Whether the sequences hold numbers of which some are not known, and no tensors."""
    values = (*left, *right)
    return any(map(is_scalar, values)) and all(kind_of(v) is not None or v is None for v in values)


def _same_size(left: Any, right: Any) -> bool:
    """Whether two numbers are sizes of tensors that are known to be the same."""
    sizes = [v.expr.payload for v in (left, right) if is_scalar(v) and v.expr.op == "dim"]
    return len(sizes) == 2 and len({str(tensor.fake.shape[axis]) for tensor, axis in sizes}) == 1


def special_value(value: Any) -> bool:
    return (
        is_scalar(value)
        or isinstance(value, (SymTensor, DynamicList))
        or type(value) in (DynamicTag, DynamicText)
    )


def _identity(machine: Machine, left: Any, right: Any, negative: bool) -> Any:
    left, right = machine.recorder.present(left), machine.recorder.present(right)
    by_library = is_library(machine.frames[-1].function.code)  # it comes to the same there
    if isinstance(left, SymTensor) and isinstance(right, SymTensor):
        if by_library:
            machine.recorder.demand_sharing(left, right)
        else:
            machine.recorder.ask_identity(left, right)
    asked = left is not right and class_of(left) is class_of(right) and not by_library
    if asked and (origins := made_anew(machine.recorder, left, right)) is not None:
        refuse_identity(origins)
    for number, other in ((left, right), (right, left)):
        if type(number) is DynamicTag and type(other) is not DynamicTag:
            return look_up(machine, number, tuple((v is other) != negative for v in number.table), "bool")
        if is_scalar(number) and number.kind == "bool" and isinstance(other, bool):
            return scalar_op("ne" if negative else "eq", number, other)
    return (left is not right) if negative else (left is right)


def contains(machine: Machine, value: Any, container: Any) -> Any:
    if isinstance(container, torch.Tensor):
        equal = machine.native(torch.eq, container, value)
        return truth(machine, machine.native(torch.Tensor.any, equal))
    if isinstance(container, DynamicList):
        return operations.search(machine, container, "list_contains", value)
    if isinstance(container, KeysView) and is_unknown(value):
        container = dict.fromkeys(container)
    if type(value) is tuple and is_unknown(value) and isinstance(container, (set, frozenset, dict)):
        return machine.native(holds, list(container), value)
    if _are_numbers(value, container):
        return _number_in(value, container)
    if type(value) is DynamicTag and isinstance(container, (list, tuple, set, frozenset, dict)):
        return look_up(machine, value, tuple(v in container for v in value.table), "bool")
    return machine.native(lambda c, v: v in c, container, value)


_UNEQUAL = (type(None), str, bytes, tuple, frozenset, type, torch.dtype, torch.device)
"""Types whose values equal no number."""


def is_searched(value: Any, container: Any) -> bool:
    """Whether ``value in container`` compares it with each item in turn, by code that may decide."""
    if type(container) not in (list, tuple):
        return False
    special = _is_or_holds_special(value) or any(map(_is_or_holds_special, container))
    return special and not _are_numbers(value, container) and type(value) is not DynamicTag


def _is_or_holds_special(value: Any) -> bool:
    return special_value(value) or (type(value) in (list, tuple) and any(map(_is_or_holds_special, value)))


def _are_numbers(value: Any, container: Any) -> bool:
    """Whether it is a number that is sought among numbers and what equals none, and not all are known."""
    if kind_of(value) is None or not isinstance(container, (list, tuple, set, frozenset, dict, range)):
        return False
    if isinstance(container, range):
        return is_scalar(value)
    if not is_scalar(value) and not any(map(is_scalar, container)):
        return False
    return all(kind_of(item) is not None or type(item) in _UNEQUAL for item in container)


def _number_in(value: Any, container: Any) -> Any:
    if isinstance(container, range) and container.step == 1:
        low = scalar_op("ge", value, container.start)
        return scalar_op("and_", low, scalar_op("lt", value, container.stop))
    found: Any = False
    for candidate in container:
        if kind_of(candidate) is None:
            continue
        if candidate is value:
            return True
        if is_scalar(candidate) or is_scalar(value):
            equal = scalar_op("eq", value, candidate)
            found = equal if found is False else scalar_op("or_", found, equal)
        elif candidate == value:
            return True
    return found

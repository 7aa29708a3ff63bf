"""Python's operations on lists of run-time length, as instructions of the host.

What cannot be one asks for the list to be static.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

import torch

from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.specialize.execution.operators import iteration
from dyncc.compiler.specialize.facts import Frozen
from dyncc.compiler.specialize.lists import elements, host_lists, host_tensors
from dyncc.compiler.specialize.prelude.records import RecordList
from dyncc.compiler.specialize.values import (
    DynamicList,
    DynamicText,
    ListElement,
    Scalar,
    is_scalar,
    kind_of,
    scalar_op,
)  # fmt: skip
from dyncc.compiler.specialize.values.decisions import Cut, Decision
from dyncc.runtime.program import Const, ListType, ScalarType, TensorType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def length(machine: Machine, items: DynamicList) -> Scalar:
    block = machine.block
    if items.base is None:
        host_lists.list_operand(machine.recorder, items)
    assert items.base is not None
    made = block.host_leaf("list_len", [items.base], "int", "count")
    made.origins = items.origins
    return scalar_op("add", made, len(items.tail)) if items.tail else made


def get(machine: Machine, items: DynamicList, index: Any) -> Any:
    """``items[index]``."""
    if isinstance(index, slice):
        return _slice(machine, items, index)
    if not is_scalar(index) and isinstance(index, int) and index < 0 and -index <= len(items.tail):
        return items.tail[index]
    return _element(machine, items, host_lists.list_operand(machine.recorder, items), index)


def _element(machine: Machine, items: DynamicList, operand: Any, index: Any) -> Any:
    block = machine.block
    where = block.scalar_operand(index)
    element = items.element.type
    if isinstance(element, ListType):
        inner = block.host_op("list_get", [operand, where], element, "item")
        return DynamicList(ListElement(element.element), inner, items.origins, shared=True)
    if isinstance(element, ScalarType):
        made = block.host_leaf("list_get", [operand, where], element.kind, "item")
        made.origins |= items.origins
        return made
    if not block.make_pre(operand) or not block.make_pre(where):
        raise Cut
    symbolic = TensorType(
        element.dtype,
        tuple(machine.recorder.facts_symbol() if isinstance(s, str) else s for s in element.shape),
    )
    where_arg = where.value if isinstance(where, Const) else where
    tensor = host_tensors.pre_tensor(machine.recorder, "list_get", (operand, where_arg), symbolic)
    block.freeze(tensor.fake, Frozen(items.origins))
    return tensor


def _slice(machine: Machine, items: DynamicList, where: slice) -> Any:
    step = 1 if where.step is None else where.step
    if is_scalar(step):
        _demand(machine, items, "a slice with a step that is known only at run time")
    if step == 0:
        return machine.native(_take, [], where)  # raises
    first, last = (0, sys.maxsize) if step > 0 else (sys.maxsize, -sys.maxsize)
    bounds = (
        first if where.start is None else where.start,
        last if where.stop is None else where.stop,
        step,
    )
    operands = [
        host_lists.list_operand(machine.recorder, items),
        *map(machine.block.scalar_operand, bounds),
    ]
    made = machine.block.host_op("list_slice", operands, host_lists.list_type(items.element), "items")
    return DynamicList(items.element, made, items.origins)


def part_of_known(machine: Machine, items: list[Any], where: slice) -> Any:
    """``items[where]`` of a list whose length is known, with bounds that are not.

    NotImplemented where its elements are not of one form.
    """
    element = elements.common(items)
    leaves = [] if element is None else list(elements.leaves(element))
    if element is None or not leaves:
        return NotImplemented
    bounds = (where.start, where.stop, where.step)
    origins = frozenset[Any]().union(*(bound.origins for bound in bounds if is_scalar(bound)))
    columns = [DynamicList(leaf, None, origins) for leaf in leaves]
    for value in items:
        for column, part in zip(columns, elements.taken_apart(element, value), strict=True):
            machine.native(DynamicList.append, column, part)
    parts = [_slice(machine, column, where) for column in columns]
    return parts[0] if element is leaves[0] else RecordList(element, parts)


def _take(items: Any, where: Any) -> Any:
    return items[where]


def store(machine: Machine, items: DynamicList, index: Any, value: Any) -> None:
    """``items[index] = value``."""
    if isinstance(index, slice):
        _demand(machine, items, "a slice of a list that grows at run time is assigned")
    _check(machine, items, value)
    _change(machine, items, "list_set", index, value)


def method(
    machine: Machine, items: DynamicList, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """``items.name(*args)``; NotImplemented where the list has to be static for it."""
    numbers = isinstance(items.element.type, ScalarType)
    match name, args:
        case "append", (value,):
            machine.native(DynamicList.append, items, value)
        case "pop", () | (_,):
            return _pop(machine, items, args[0] if args else -1)
        case "clear", ():
            host_lists.check_writable(machine.recorder, items)
            items.base, _ = None, items.tail.clear()
        case "copy", ():
            return copied(machine, items)
        case "extend", (list() | tuple() as more,):
            if joined(machine, items, more, inplace=True) is NotImplemented:
                host_lists.refuse_element(machine.recorder, items.origins)
        case "insert", (index, value) if kind_of(index) in ("int", "bool"):
            _check(machine, items, value)
            _change(machine, items, "list_insert", index, value)
        case "reverse", ():
            host_lists.check_writable(machine.recorder, items)
            items.base = _slice(machine, items, slice(None, None, -1)).base
        case "count", (value,):
            return search(machine, items, "list_count", value)
        case "index", (value,):
            return _index(machine, items, value)
        case "remove", (value,):
            _remove(machine, items, value)
        case "sort", () if numbers and set(kwargs) <= {"reverse"}:
            _change(machine, items, "list_sort", bool(kwargs.get("reverse", False)))
        case "__len__", ():
            return length(machine, items)
        case _:
            why = machine.diagnose("DY110", f"`{name}` of a list that grows at run time", "here")
            machine.facts.demand(items.origins, why)
            return NotImplemented
    return None


def _pop(machine: Machine, items: DynamicList, index: Any) -> Any:
    if items.tail and not is_scalar(index) and index == -1:
        host_lists.check_writable(machine.recorder, items)
        return items.tail.pop()
    before = whole = host_lists.list_operand(machine.recorder, items)
    errors = {1: IndexError("pop from empty list"), 2: IndexError("pop index out of range")}
    machine.risks.check(errors, lambda: _what_pop_raises(length(machine, items), index))
    with machine.risks.certain():
        _change(machine, items, "list_pop", index)  # first, since an empty list raises here
        try:
            if isinstance(items.element.type, TensorType) and not machine.block.make_pre(items.base):  # type: ignore[arg-type]
                raise Cut
            return _element(machine, items, before, index)
        except (Cut, Decision):
            items.base = whole  # the instruction will be executed again
            raise


def _what_pop_raises(count: Any, index: Any) -> Any:
    """1 for a list that is empty, 2 for an index out of range, 0 where an element is removed."""
    empty = scalar_op("eq", count, 0)
    below, above = scalar_op("lt", scalar_op("add", index, count), 0), scalar_op("ge", index, count)
    beyond = scalar_op("int", scalar_op("or_", below, above))
    return scalar_op("select", empty, 1, scalar_op("mul", beyond, 2))


def _lacks(machine: Machine, items: DynamicList, value: Any) -> Any:
    """1 where the list does not hold ``value``, or 0."""
    return scalar_op("int", scalar_op("not", search(machine, items, "list_contains", value)))


def _remove(machine: Machine, items: DynamicList, value: Any) -> None:
    # (always: the host's own error would be that of `index`)
    error = ValueError("list.remove(x): x not in list")
    machine.risks.check({1: error}, lambda: _lacks(machine, items, value), always=True)
    with machine.risks.certain():
        _change(machine, items, "list_pop", search(machine, items, "list_index", value))


def _index(machine: Machine, items: DynamicList, value: Any) -> Any:
    error = ValueError(DynamicText(((value, "", ""), " is not in list")))
    machine.risks.check({1: error}, lambda: _lacks(machine, items, value))
    with machine.risks.certain():
        return search(machine, items, "list_index", value)


def delete(machine: Machine, items: DynamicList, index: Any) -> None:
    """``del items[index]``."""
    if isinstance(index, slice):
        _demand(machine, items, "a slice of a list that grows at run time is deleted")
    _change(machine, items, "list_delete", index)


def _check(machine: Machine, items: DynamicList, value: Any) -> None:
    host_lists.check_element(machine.recorder, items, value)


def _change(machine: Machine, items: DynamicList, op: str, *args: Any) -> None:
    """The list becomes what ``op`` makes of it."""
    host_lists.check_writable(machine.recorder, items)
    operands = [host_lists.list_operand(machine.recorder, items)]
    for arg in args:
        if isinstance(arg, (torch.Tensor, list)):
            operands.append(host_lists.element_operand(machine.recorder, items, arg))
        else:
            operands.append(machine.block.scalar_operand(arg))
    items.base = machine.block.host_op(op, operands, host_lists.list_type(items.element), "items")


def search(machine: Machine, items: DynamicList, op: str, value: Any) -> Any:
    """Where, how often or whether a list of numbers holds a number."""
    if not isinstance(items.element.type, ScalarType) or kind_of(value) is None:
        _demand(machine, items, "a list of tensors that grows at run time is searched")
    operands = [host_lists.list_operand(machine.recorder, items), machine.block.scalar_operand(value)]
    made = machine.block.host_leaf(op, operands, "bool" if op == "list_contains" else "int")
    made.origins |= items.origins
    return made


def copied(machine: Machine, items: DynamicList) -> DynamicList:
    operand = host_lists.list_operand(machine.recorder, items)
    return DynamicList(items.element, operand, items.origins)


def joined(machine: Machine, left: Any, right: Any, inplace: bool) -> Any:
    """``left + right`` or ``left += right``, at least one of them dynamic."""
    kinds = (list, tuple, DynamicList)
    if type(left) not in kinds or type(right) not in kinds:
        return NotImplemented
    if not isinstance(left, DynamicList):
        if inplace:  # a list of known length becomes one of unknown length under all of its names
            machine.facts.demand(right.origins)
            return NotImplemented
        known, left = left, DynamicList(right.element, None, right.origins)
        for value in known:
            machine.native(DynamicList.append, left, value)
    result = left if inplace else copied(machine, left)
    if inplace:
        host_lists.check_writable(machine.recorder, result)
    if not isinstance(right, DynamicList):
        for value in right:
            machine.native(DynamicList.append, result, value)
        return result
    if left.element != right.element:
        machine.facts.demand(left.origins | right.origins)
        return NotImplemented
    operands = [host_lists.list_operand(machine.recorder, part) for part in (result, right)]
    type_ = host_lists.list_type(result.element)
    result.base = machine.block.host_op("list_extend", operands, type_, "items")
    result.origins |= right.origins
    return result


def display(machine: Machine, parts: list[tuple[Any, bool]]) -> DynamicList | None:
    """``[a, *b, …]`` with a dynamic list among the starred (True) parts; None where there is none."""
    dynamic = next((value for value, starred in parts if starred and isinstance(value, DynamicList)), None)
    if dynamic is None:
        return None
    made = DynamicList(dynamic.element, None, dynamic.origins)
    for value, starred in parts:
        if not starred:
            machine.native(DynamicList.append, made, value)
        elif joined(machine, made, value, inplace=True) is NotImplemented:
            joined(machine, made, list(iteration.unpacked(machine, value)), inplace=True)
    return made


def _demand(machine: Machine, items: DynamicList, what: str) -> NoReturn:
    why = machine.diagnose(
        "DY110", what, "here",
        helps=("write it as a loop with `append` and `pop`, or use a tensor: `torch.stack(items)`",),
    )  # fmt: skip
    machine.facts.demand(items.origins, why)
    raise CompileError([why])

"""Choosing among values of one form by a number that is known only at run time.

``sorted`` and ``max`` of records (hypotheses, candidates) by numbers need no block for each order: where
the items are alike, every part of the item that is chosen is chosen by the same number. A part is a
number (a look-up of the host), a tensor (an index into the stack of the candidates), a list of numbers,
a text, or a tuple, list, dict or object of such parts.

A mutable item comes out as a copy, so this is done only where nothing else that lives refers to the items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.lists import host_lists
from dyncc.compiler.specialize.lists.copies import object_like
from dyncc.compiler.specialize.recording.tensor_types import memory_kind
from dyncc.compiler.specialize.state.heap import content_of, is_container, walk
from dyncc.compiler.specialize.values import (
    DynamicList,
    DynamicTag,
    ListElement,
    Scalar,
    SymTensor,
    is_scalar,
    kind_of,
)
from dyncc.compiler.tuples import tuple_of
from dyncc.runtime.program import Const, ListType, ScalarType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


LIMIT = 256
"""Items beyond which one of them is not worth a look-up in all."""


def reordered(machine: Machine, items: Any, keys: Any, reverse: bool) -> list[Any] | None:
    """``sorted`` of items by keys, of which some are not known; None where it cannot be done so."""
    if not _applicable(machine, items, keys):
        return None
    block = machine.block
    operands = [Const(bool(reverse)), *map(block.scalar_operand, keys)]
    order = block.host_op("order", operands, ListType(ScalarType("int")), "order")
    indices = [block.host_leaf("list_get", [order, Const(i)], "int", "place") for i in range(len(items))]
    return [_chosen(machine, items, index) for index in indices]


def extremum(machine: Machine, items: Any, keys: Any, largest: bool) -> tuple[Any, ...] | None:
    """The first item with the least (or largest) key, in a tuple; None where it cannot be done so."""
    if not _applicable(machine, items, keys):
        return None
    block = machine.block
    operands = [Const(largest), *map(block.scalar_operand, keys)]
    return (_chosen(machine, items, block.host_leaf("best", operands, "int", "best")),)


def foremost(machine: Machine, items: Any, keys: Any, largest: bool, count: int) -> list[Any] | None:
    """``heapq.nlargest`` of items by keys (or ``nsmallest``); None where it cannot be done so."""
    if not _applicable(machine, items, keys) or not is_of_numbers(keys):
        return None
    block = machine.block
    order = host_lists.list_operand(machine.recorder, places(machine, keys, largest, count))
    positions = range(min(max(count, 0), len(items)))
    indices = [block.host_leaf("list_get", [order, Const(i)], "int", "place") for i in positions]
    return [_chosen(machine, items, index) for index in indices]


def places(machine: Machine, keys: Any, largest: bool, count: Any) -> DynamicList:
    """Where the largest (or smallest) numbers are among ``keys``."""
    operands = [Const(largest), machine.block.scalar_operand(count), _numbers(machine, keys)]
    made = machine.block.host_op("foremost", operands, ListType(ScalarType("int")), "order")
    origins = keys.origins if isinstance(keys, DynamicList) else frozenset[Any]()
    return DynamicList(ListElement(ScalarType("int")), made, origins)


def place(machine: Machine, items: Any, value: Any, after: bool) -> Scalar | None:
    """``bisect`` of a number among numbers; None where it cannot be done at once."""
    if kind_of(value) is None or not is_of_numbers(items):
        return None
    if not isinstance(items, DynamicList) and not any(map(is_scalar, (value, *items))):
        return None
    operands = [Const(after), machine.block.scalar_operand(value), _numbers(machine, items)]
    return machine.block.host_leaf("place", operands, "int", "place")


def is_of_numbers(items: Any) -> bool:
    """Whether it is a list (or a tuple) of numbers of one kind."""
    if isinstance(items, DynamicList):
        return isinstance(items.element.type, ScalarType)
    kinds = {*map(kind_of, items)} if type(items) in (list, tuple) else set()
    return len(kinds) == 1 and None not in kinds


def _numbers(machine: Machine, items: Any) -> Any:
    """Numbers of one kind as a list of the host."""
    if isinstance(items, DynamicList):
        return host_lists.list_operand(machine.recorder, items)
    operands = [machine.block.scalar_operand(item) for item in items]
    kind: Any = kind_of(items[0])
    return machine.block.host_op("list", operands, ListType(ScalarType(kind)), "items")


def _applicable(machine: Machine, items: Any, keys: Any) -> bool:
    if type(items) is not list or type(keys) is not list or not 1 < len(items) <= LIMIT:
        return False
    if not any(map(is_scalar, keys)) or any(kind_of(key) is None for key in keys):
        return False
    return _alike(items) and not _shared(machine, items) and _may_copy(machine, items)


def _may_copy(machine: Machine, items: Sequence[Any]) -> bool:
    """Whether the tensors of the items may be copied: memory of their kind is not changed in place.

    Looked at for the whole program, since a loop may come back to what changes it.
    """
    recorder, kinds = machine.recorder, set[Any]()
    for tensor in _tensors(items):
        dtype, size = memory_kind(tensor.fake if isinstance(tensor, SymTensor) else tensor)
        # a stack of them is what the chosen one is a view of
        kinds |= {(dtype, size), *((dtype, size * count) for count in range(2, len(items) + 1))}
    if kinds & (recorder.facts.unchosen | recorder.changed):
        return False
    recorder.chosen |= kinds
    return True


def _tensors(values: Sequence[Any]) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        else:
            yield from _tensors([part for _, part in _parts(value) or ()])


def _alike(values: Sequence[Any]) -> bool:
    """Whether the values have one form."""
    first = values[0]
    if all(value is first for value in values):
        return True
    if isinstance(first, torch.Tensor):
        return all(isinstance(value, torch.Tensor) for value in values) and len({*map(_type, values)}) == 1
    if kind_of(first) is not None:
        return len({*map(kind_of, values)}) == 1
    if _is_number_list(first) and all(map(_is_number_list, values)):
        return len({*filter(None, map(_element_kind, values))}) == 1
    if any(type(value) is not type(first) for value in values):
        return False
    if type(first) is str:
        return True
    parts = [_parts(value) for value in values]
    if any(p is None for p in parts):
        return False
    accessors = {tuple(repr(accessor) for accessor, _ in p or ()) for p in parts}
    return len(accessors) == 1 and all(
        _alike(column) for column in zip(*([v for _, v in p or ()] for p in parts), strict=True)
    )


def _type(tensor: torch.Tensor) -> tuple[str, tuple[str, ...]]:
    fake = tensor.fake if isinstance(tensor, SymTensor) else tensor
    return str(fake.dtype), tuple(map(str, fake.shape))


def _is_number_list(value: Any) -> bool:
    if isinstance(value, DynamicList):
        return isinstance(value.element.type, ScalarType)
    return type(value) is list and all(kind_of(item) is not None for item in value)


def _element_kind(value: Any) -> str | None:
    """What a list of numbers holds; None for an empty one, ``mixed`` where it is not one kind."""
    if isinstance(value, DynamicList):
        return value.element.type.kind
    kinds = {*map(kind_of, value)}
    return (kinds.pop() if len(kinds) == 1 else "mixed") if kinds else None


def _parts(value: Any) -> list[tuple[Any, Any]] | None:
    """The parts of a record: (accessor, part); None for what is none."""
    if isinstance(value, (DynamicList, DynamicTag, set, BaseException)):
        return None
    if isinstance(value, tuple):
        return [(i, part) for i, part in enumerate(tuple.__iter__(value))]
    if type(value) in (list, dict) or (is_container(value) and _is_plain_object(value)):
        return list(content_of(value))
    return None


def _is_plain_object(value: Any) -> bool:
    return not isinstance(value, (list, dict, torch.nn.Module)) and hasattr(value, "__dict__")


def _chosen(machine: Machine, values: Sequence[Any], index: Scalar) -> Any:
    """``values[index]``, part by part. The values are alike."""
    first = values[0]
    if all(value is first for value in values):
        return first
    if isinstance(first, torch.Tensor):
        return _chosen_tensor(machine, values, index)
    if kind_of(first) is not None:
        return _chosen_number(machine, values, index)
    if _is_number_list(first) and _equally_long(values):
        return [_chosen(machine, column, index) for column in zip(*values, strict=True)]
    if _is_number_list(first):
        return _chosen_list(machine, values, index)
    if type(first) is str:
        return _chosen_text(machine, values, index)
    columns = zip(*([v for _, v in _parts(value) or ()] for value in values), strict=True)
    return _rebuilt(first, [_chosen(machine, column, index) for column in columns])


def _equally_long(values: Sequence[Any]) -> bool:
    """Whether the values are lists of one length that is known."""
    return not any(isinstance(v, DynamicList) for v in values) and len({*map(len, values)}) == 1


def _chosen_number(machine: Machine, values: Sequence[Any], index: Scalar) -> Any:
    first = values[0]
    if all(not is_scalar(value) and value == first for value in values):
        return first
    block, kind = machine.block, kind_of(first)
    assert kind is not None
    return block.host_leaf("lookup", [index.operand, *map(block.scalar_operand, values)], kind, "chosen")


def _chosen_tensor(machine: Machine, values: Sequence[Any], index: Scalar) -> Any:
    """An index into a stack of the tensors that differ."""
    distinct: list[Any] = []
    places = [_place(distinct, value) for value in values]
    if len(distinct) < len(values):
        index = machine.block.host_leaf("lookup", [index.operand, *map(Const, places)], "int", "place")
    stacked = machine.native(torch.stack, distinct)
    with machine.risks.certain():  # (the index is the compiler's own)
        return machine.native(torch.select, stacked, 0, index)


def _place(found: list[Any], value: Any) -> int:
    """The position of ``value`` itself in ``found``, where it is added if need be."""
    for position, other in enumerate(found):
        if other is value:
            return position
    found.append(value)
    return len(found) - 1


def _chosen_list(machine: Machine, values: Sequence[Any], index: Scalar) -> DynamicList:
    kind = next(filter(None, map(_element_kind, values)))
    element = ListElement(ScalarType(kind))  # type: ignore[arg-type]
    operands = []
    for value in values:
        items = value
        if not isinstance(value, DynamicList):
            items = DynamicList(element, None, frozenset())
            items.tail.extend(value)
        operands.append(host_lists.list_operand(machine.recorder, items))
    type_ = host_lists.list_type(element)
    return DynamicList(
        element, machine.block.host_op("lookup", [index.operand, *operands], type_), frozenset()
    )


def _chosen_text(machine: Machine, values: Sequence[str], index: Scalar) -> Any:
    table = tuple(dict.fromkeys(values))
    if len(table) == 1:
        return table[0]
    places = [Const(table.index(value)) for value in values]
    return DynamicTag(table, machine.block.host_leaf("lookup", [index.operand, *places], "int", "tag"))


def _rebuilt(model: Any, parts: list[Any]) -> Any:
    """A record like ``model`` with these parts."""
    if isinstance(model, tuple):
        return tuple_of(type(model), parts)
    if type(model) is list:
        return parts
    if type(model) is dict:
        return dict(zip(model, parts, strict=True))
    names = [accessor if type(accessor) is str else accessor[1] for accessor, _ in content_of(model)]
    return object_like(model, dict(zip(names, parts, strict=True)))


def _shared(machine: Machine, items: list[Any]) -> bool:
    """Whether something else that lives refers to a mutable part of the items."""
    mine = {id(part) for item in items for part in _mutable(item, set())}
    if not mine:
        return False
    seen: set[int] = {id(items)}
    roots = [value for frame in machine.frames for value in _live_values(frame)]
    roots += [base.obj for base in machine.owner.heap.dirty()]
    return any(id(part) in mine for root in roots for part in _mutable(root, seen))


def _live_values(frame: Any) -> Iterator[Any]:
    yield from frame.cells.values()
    yield frame.payload
    live = frame.live()
    yield from (value for name, value in frame.registers.items() if name in live)


def _mutable(value: Any, seen: set[int]) -> Iterator[Any]:
    """The mutable objects that ``value`` is or refers to."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, DynamicList):
        yield value
    elif is_container(value) and not isinstance(value, torch.nn.Module):
        yield value
        for _, part in content_of(value):
            yield from _mutable(part, seen)
    else:
        for _, part in walk(value):
            yield from _mutable(part, seen)

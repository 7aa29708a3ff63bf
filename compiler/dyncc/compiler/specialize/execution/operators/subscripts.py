"""Attributes and items, read and written; ``container[number]`` is a switch or a look-up."""

from __future__ import annotations

import contextlib
import inspect
import types
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution import forks, mappings
from dyncc.compiler.specialize.execution.frames import Push
from dyncc.compiler.specialize.execution.native import store
from dyncc.compiler.specialize.execution.operators import tags
from dyncc.compiler.specialize.execution.operators.reading import number_in
from dyncc.compiler.specialize.execution.operators.texts import choose_by_name, loop_origins
from dyncc.compiler.specialize.lists import operations
from dyncc.compiler.specialize.prelude.keys import is_unknown
from dyncc.compiler.specialize.values import (
    DynamicList,
    DynamicTag,
    DynamicText,
    Scalar,
    SymTensor,
    decide,
    is_scalar,
    kind_of,
)
from dyncc.runtime.program import Const, ListType, ScalarType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def get_attribute(machine: Machine, obj: Any, name: str) -> Any:
    if type(obj) is DynamicTag:
        found = tags.attribute(machine, obj, name)
        if found is not NotImplemented:
            return found
        decide(obj, "an attribute of a value that was chosen by a tensor")
    if isinstance(obj, DynamicList):
        return types.MethodType(_named(name), obj) if name == "__len__" else getattr(obj, name)
    if name in _OF_RAISE and isinstance(obj, BaseException) and machine.frames[-1].globals is not _MANAGERS:
        machine.refuse(
            "DY101", f"`{name}` of an exception is not kept", "read here",
            helps=("keep what is needed of the cause in an attribute of the exception",),
        )  # fmt: skip
    return machine.native(getattr, obj, name)


_OF_RAISE = frozenset(("__cause__", "__context__", "__traceback__", "__suppress_context__"))
"""What ``raise`` writes into an exception; ``contextlib`` looks at it too, to no effect."""
_MANAGERS = vars(contextlib)


def _named(name: str) -> Any:
    def method(self: Any, *args: Any) -> Any:
        return getattr(self, name)(*args)

    method.__name__ = name
    return method


CONTAINERS = (
    nn.ModuleList.__getitem__, nn.Sequential.__getitem__, nn.ParameterList.__getitem__,
    nn.ModuleDict.__getitem__, nn.ParameterDict.__getitem__,
)  # fmt: skip
"""Methods that choose one of what a container of PyTorch holds."""


def is_chosen(index: Any) -> bool:
    """Whether an index or key is known only at run time."""
    return is_scalar(index) or isinstance(index, torch.Tensor) or type(index) is DynamicText


def get_item(machine: Machine, obj: Any, index: Any) -> Any:
    if prelude.arrays.is_array(obj):
        return machine.native(PYTHON_GETITEM, obj, index)
    if prelude.arrays.holds_array(index):
        index = machine.native(prelude.arrays.index_of, index)
    if isinstance(obj, torch.Tensor) or obj is None:
        return machine.native(PYTHON_GETITEM, obj, _with_bounds(machine, index))
    if isinstance(index, torch.Tensor) and isinstance(
        obj, (list, tuple, str, range, nn.ModuleList, nn.Sequential, nn.ParameterList)
    ):
        index = number_in(machine, index, "index")
    if isinstance(index, slice) and isinstance(obj, list):
        index = _with_bounds(machine, index)
    if isinstance(obj, DynamicList):
        return operations.get(machine, obj, index)
    if type(obj) is list and isinstance(index, slice) and any(map(is_scalar, (index.start, index.stop))):
        for bound in (index.start, index.stop, index.step):
            machine.facts.demand(loop_origins(bound) if is_scalar(bound) else frozenset())
        part = operations.part_of_known(machine, obj, index)
        if part is not NotImplemented:
            return part
    if type(index) is DynamicText and isinstance(obj, (dict, nn.ModuleDict, nn.ParameterDict)):
        choose_by_name(machine, index, obj.keys(), KeyError(index))
    if mappings.is_plain(obj) and is_unknown(index) and _by_equality(obj, index):
        mappings.demand(machine, index)
        if machine.frames[-1].function.code is prelude.keys.item_of.__code__:
            mappings.take_key(machine, obj)
        return Push(prelude.keys.item_of, (obj, index), {})
    if is_scalar(index):
        return _choose(machine, obj, index)
    return machine.native(PYTHON_GETITEM, obj, index)


def _by_equality(obj: Any, index: Any) -> bool:
    """Whether a key is not to be switched on: it is a tuple, or one that the dict lacks is no error."""
    return not is_scalar(index) or hasattr(type(obj), "__missing__")


def _with_bounds(machine: Machine, index: Any) -> Any:
    """An index with numbers in place of the tensors that bound its slices: ``x[:, : lengths.max()]``."""
    if isinstance(index, slice):
        parts = (index.start, index.stop, index.step)
        if not any(map(_is_bound, parts)):
            return index
        return slice(*[number_in(machine, part, "index") if _is_bound(part) else part for part in parts])
    if type(index) is tuple and any(isinstance(part, slice) for part in index):
        return tuple([_with_bounds(machine, p) if isinstance(p, slice) else p for p in index])
    return index


def _is_bound(value: Any) -> bool:
    """A tensor that PyTorch takes for the bound of a slice: one integer."""
    fake = value.fake if isinstance(value, SymTensor) else value
    return isinstance(fake, torch.Tensor) and fake.dim() == 0 and not fake.dtype.is_floating_point


def PYTHON_GETITEM(obj: Any, index: Any) -> Any:
    return obj[index]


def _choose(machine: Machine, obj: Any, index: Scalar) -> Any:
    """``container[number]``: a switch over what the container holds."""
    if isinstance(obj, dict):
        keys = [key for key in obj if type(key) is int]
        if index.kind == "bool":
            forks.fork_bool(machine, index)
        place = table_place(machine)
        if _is_table(obj, keys) and index.kind == "int" and place not in machine.facts.keep:
            values = tuple(obj[key] for key in sorted(keys))
            return Push(prelude.keys.in_range, (values, min(keys), index, place), {})
        machine.facts.demand(loop_origins(index))
        unused = next(i for i in range(len(keys) + 1) if i not in keys)
        _replace_index(machine, index)
        forks.switch(machine, index, tuple(keys), unused, KeyError(index))
    if isinstance(obj, (list, tuple)) and not isinstance(obj, torch.Size) and obj:
        found = entry(machine, obj, index, table_place(machine))
        if found is not NotImplemented:
            return found
    if isinstance(obj, (list, tuple, str, range, nn.ModuleList, nn.Sequential, nn.ParameterList)):
        if index.kind == "bool":
            forks.fork_bool(machine, index)
        machine.facts.demand(loop_origins(index))
        length = len(obj)
        error = None
        if isinstance(obj, (nn.ModuleList, nn.Sequential, nn.ParameterList)):
            error = IndexError(DynamicText(("index ", (index, "", ""), " is out of range")))
        forks.switch(machine, index, (*range(length), *range(-length, 0)), length, error)
    if inspect.isfunction(getattr(type(obj), "__getitem__", None)):
        return machine.native(PYTHON_GETITEM, obj, index)  # the user's method
    machine.facts.demand(index.origins)
    decide(index, "a number as an index")


def table_place(machine: Machine) -> Any:
    """What says, among what is kept static, that the table at the present instruction is a switch."""
    frame, at = machine.executing
    return ("table", frame.function.code, *at)


def entry(machine: Machine, table: Any, index: Scalar, place: Any) -> Any:
    """``table[index]`` of numbers or texts; NotImplemented where it is neither, or needed statically."""
    if _number_table(table) is not None and place not in machine.facts.keep:
        found = _table_item(machine, table, index)
        found.origins |= {place}  # where it turns out to be needed statically, this becomes a switch
        return found
    return _text_of_table(machine, table, index) if all(type(v) is str for v in table) else NotImplemented


def _replace_index(machine: Machine, index: Scalar) -> None:
    frame = machine.frames[-1]
    if not any(value is index for value in frame.registers.values()):
        decide(index, "a number as an index")


def _number_table(obj: Any) -> str | None:
    kinds = {kind_of(value) if not is_scalar(value) else None for value in obj}
    return kinds.pop() if len(kinds) == 1 and None not in kinds else None


def _table_item(machine: Machine, obj: Any, index: Scalar) -> Scalar:
    """An element of a list of numbers: a look-up in a constant list of the host."""
    kind = _number_table(obj)
    block = machine.block
    made = block.host_op("list", [Const(v) for v in obj], ListType(ScalarType(kind)), "table")  # type: ignore[arg-type]
    value = block.host_leaf("list_get", [made, index.operand], kind or "int")
    value.origins = index.origins
    return value


def _text_of_table(machine: Machine, obj: Any, index: Scalar) -> Any:
    """The same of a list of texts: one of them, which a number in a list of the host says.

    (Where it turns out to be needed statically it is switched on, as any text that data choose.)
    """
    table = tuple(dict.fromkeys(obj))
    if len(table) == len(obj):
        number = machine.block.host_leaf("index_within", [index.operand, Const(len(obj))], "int")
        number.origins = index.origins
    else:
        number = _table_item(machine, [table.index(text) for text in obj], index)
    return DynamicTag(table, number) if len(table) > 1 else table[0]


def _is_table(obj: Any, keys: list[int]) -> bool:
    """Whether a dict has the integers of a range as its keys, and numbers of one kind or texts in it."""
    whole = len(keys) == len(obj) > 2 and max(keys) - min(keys) + 1 == len(keys)
    values = list(obj.values())
    return whole and (_number_table(values) is not None or all(type(value) is str for value in values))


def set_item(machine: Machine, obj: Any, index: Any, value: Any) -> None:
    if prelude.arrays.is_array(obj):
        machine.native(store, obj, index, value)
        return
    if prelude.arrays.holds_array(index):
        index = machine.native(prelude.arrays.index_of, index)
    if isinstance(obj, torch.Tensor):
        machine.native(store, obj, _with_bounds(machine, index), value)
        return
    if isinstance(obj, DynamicList):
        operations.store(machine, obj, index, value)
        return
    machine.native(store, obj, _place_in(machine, obj, index), value)


def _place_in(machine: Machine, obj: Any, index: Any) -> Any:
    """An index into what is changed there; for a list of known length a case for each of its places."""
    if isinstance(index, torch.Tensor) and isinstance(obj, list):
        index = number_in(machine, index, "index")
    if is_scalar(index):
        machine.facts.demand(index.origins)
        if isinstance(obj, list):
            length = len(obj)
            forks.switch(machine, index, (*range(length), *range(-length, 0)), length)
    return index


def delete_item(machine: Machine, obj: Any, index: Any) -> None:
    if isinstance(obj, DynamicList):
        operations.delete(machine, obj, index)
    else:
        machine.native(_delete, obj, _place_in(machine, obj, index))


def _delete(obj: Any, index: Any) -> None:
    del obj[index]

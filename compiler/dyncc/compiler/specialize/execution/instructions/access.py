"""Instructions on attributes and items."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dyncc.compiler.frontend import cfg
from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution import calls, mappings
from dyncc.compiler.specialize.execution.frames import Frame, Push
from dyncc.compiler.specialize.execution.operators import subscripts
from dyncc.compiler.specialize.lists.copies import refuse_changed
from dyncc.compiler.specialize.prelude.keys import is_unknown
from dyncc.compiler.specialize.values import SymTensor

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def _get_attr(machine: Machine, frame: Frame, i: cfg.GetAttr) -> None:
    obj = frame.registers[i.obj]
    getter = calls.attribute_getter(machine, obj, i.name)
    if getter is not None:
        machine.invoke(getter, (obj,), {}, i.dst)
        return
    frame.registers[i.dst] = subscripts.get_attribute(machine, obj, i.name)


def _set_attr(machine: Machine, frame: Frame, i: cfg.SetAttr) -> None:
    obj, value = frame.registers[i.obj], frame.registers[i.src]
    setter = calls.attribute_setter(machine, obj, i.name)
    if setter is not None:
        machine.invoke(setter[0], (obj, *setter[1], value), {}, None)
        return
    if isinstance(obj, type):
        machine.owner.track_class(obj, i.name)
    if isinstance(value, SymTensor):
        machine.recorder.stored[i.name].add(machine.recorder.block.span)
    if machine.block.is_stored(obj):
        refuse_changed(machine.recorder, machine.block.origins_of_stored(obj))
    machine.native(setattr, obj, i.name, value)


def _del_attr(machine: Machine, frame: Frame, i: cfg.DelAttr) -> None:
    machine.native(delattr, frame.registers[i.obj], i.name)


def _get_item(machine: Machine, frame: Frame, i: cfg.GetItem) -> None:
    obj, index = frame.registers[i.obj], frame.registers[i.index]
    method = calls.special_method(machine, obj, "__getitem__")
    if method is not None and not (method in subscripts.CONTAINERS and subscripts.is_chosen(index)):
        machine.invoke(method, (obj, index), {}, i.dst)
        return
    result = subscripts.get_item(machine, obj, index)
    if isinstance(result, Push):
        machine.invoke(result.func, result.args, result.kwargs, i.dst)
        return
    frame.registers[i.dst] = result


def _set_item(machine: Machine, frame: Frame, i: cfg.SetItem) -> None:
    obj, index, value = frame.registers[i.obj], frame.registers[i.index], frame.registers[i.src]
    method = calls.special_method(machine, obj, "__setitem__")
    if method is not None:
        machine.invoke(method, (obj, index, value), {}, None)
        return
    if mappings.is_plain(obj) and is_unknown(index):
        made_here = mappings.is_made_here(machine, obj)
        mappings.demand(machine, index, all_of_it=True, of_lists=not made_here)
        if frame.function.code in (SET, SET_DEFAULT):
            mappings.take_key(machine, obj)
        machine.invoke(prelude.keys.set_item, (obj, index, value), {}, None)
        return
    subscripts.set_item(machine, obj, index, value)


def _del_item(machine: Machine, frame: Frame, i: cfg.DelItem) -> None:
    obj, index = frame.registers[i.obj], frame.registers[i.index]
    if mappings.is_plain(obj) and is_unknown(index):  # (also of a Counter, whose method is in Python)
        mappings.demand(machine, index)
        machine.invoke(prelude.keys.delete_item, (obj, index), {}, None)
        return
    method = calls.special_method(machine, obj, "__delitem__")
    if method is not None:
        machine.invoke(method, (obj, index), {}, None)
        return
    subscripts.delete_item(machine, obj, index)


SET, SET_DEFAULT = prelude.keys.set_item.__code__, prelude.keys.set_default.__code__
"""What stores under a key that is none of those that a dict of CPython has."""
ACCESS: dict[type, Callable[[Machine, Frame, Any], None]] = {
    cfg.GetAttr: _get_attr,
    cfg.SetAttr: _set_attr,
    cfg.DelAttr: _del_attr,
    cfg.GetItem: _get_item,
    cfg.SetItem: _set_item,
    cfg.DelItem: _del_item,
}

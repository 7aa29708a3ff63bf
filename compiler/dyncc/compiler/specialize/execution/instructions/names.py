"""Instructions on names: registers, globals, cells and imports."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dyncc.compiler.frontend import cfg
from dyncc.compiler.specialize.execution.frames import Frame
from dyncc.compiler.specialize.execution.native import Raised
from dyncc.compiler.specialize.values import (
    SymTensor,
    is_scalar,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def _const(machine: Machine, frame: Frame, i: cfg.Const) -> None:
    frame.registers[i.dst] = i.value


def name_value(value: Any, register: str) -> None:
    """Let a value have the name of the variable that it is assigned to."""
    if register.startswith("%"):
        return
    if isinstance(value, SymTensor) or (is_scalar(value) and not value.hint):
        value.hint = register.split("$")[0]


def _move(machine: Machine, frame: Frame, i: cfg.Move) -> None:
    if i.src not in frame.registers:
        name = i.src.split("$")[0]
        raise Raised(
            UnboundLocalError(
                f"cannot access local variable '{name}' where it is not associated with a value"
            )
        )
    value = frame.registers[i.src]
    name_value(value, i.dst)
    frame.registers[i.dst] = value


def _delete(machine: Machine, frame: Frame, i: cfg.Delete) -> None:
    frame.registers.pop(i.register, None)


def _load_global(machine: Machine, frame: Frame, i: cfg.LoadGlobal) -> None:
    if i.name in frame.globals:
        frame.registers[i.dst] = frame.globals[i.name]
        return
    builtins = frame.globals.get("__builtins__", __builtins__)
    namespace = builtins if isinstance(builtins, dict) else vars(builtins)
    if i.name not in namespace:
        raise Raised(NameError(f"name '{i.name}' is not defined"))
    frame.registers[i.dst] = namespace[i.name]


def _store_global(machine: Machine, frame: Frame, i: cfg.StoreGlobal) -> None:
    machine.owner.heap.track(frame.globals, i.name)
    frame.globals[i.name] = frame.registers[i.src]


def _delete_global(machine: Machine, frame: Frame, i: cfg.DeleteGlobal) -> None:
    machine.owner.heap.track(frame.globals, i.name)
    if i.name not in frame.globals:
        raise Raised(NameError(f"name '{i.name}' is not defined"))
    del frame.globals[i.name]


def _load_deref(machine: Machine, frame: Frame, i: cfg.LoadDeref) -> None:
    try:
        frame.registers[i.dst] = frame.cells[i.name].cell_contents
    except ValueError:
        name = i.name.split("$")[0]
        where = "where it is not associated with a value in enclosing scope"
        text = f"cannot access free variable '{name}' {where}"
        raise Raised(NameError(text)) from None


def _store_deref(machine: Machine, frame: Frame, i: cfg.StoreDeref) -> None:
    frame.cells[i.name].cell_contents = frame.registers[i.src]


def _delete_deref(machine: Machine, frame: Frame, i: cfg.DeleteDeref) -> None:
    try:
        del frame.cells[i.name].cell_contents
    except ValueError:
        raise Raised(UnboundLocalError(f"cannot access local variable '{i.name}'")) from None


def _new_cell(machine: Machine, frame: Frame, i: cfg.NewCell) -> None:
    frame.cells[i.name] = types.CellType()


def _import(machine: Machine, frame: Frame, i: cfg.Import) -> None:
    frame.registers[i.dst] = machine.native(__import__, i.module, frame.globals, None, i.fromlist, i.level)


def _import_from(machine: Machine, frame: Frame, i: cfg.ImportFrom) -> None:
    module = frame.registers[i.module]
    if hasattr(module, i.name):
        frame.registers[i.dst] = getattr(module, i.name)
        return
    found = sys.modules.get(f"{module.__name__}.{i.name}")
    if found is None:
        raise Raised(ImportError(f"cannot import name '{i.name}' from '{module.__name__}'"))
    frame.registers[i.dst] = found


NAMES: dict[type, Callable[[Machine, Frame, Any], None]] = {
    cfg.Const: _const,
    cfg.Move: _move,
    cfg.Delete: _delete,
    cfg.LoadGlobal: _load_global,
    cfg.StoreGlobal: _store_global,
    cfg.DeleteGlobal: _delete_global,
    cfg.LoadDeref: _load_deref,
    cfg.StoreDeref: _store_deref,
    cfg.DeleteDeref: _delete_deref,
    cfg.NewCell: _new_cell,
    cfg.Import: _import,
    cfg.ImportFrom: _import_from,
}

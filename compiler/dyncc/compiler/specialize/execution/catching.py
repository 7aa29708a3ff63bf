"""Which exceptions the program would handle at a place: read off the control flow of its handlers."""

from __future__ import annotations

import builtins
import contextlib
import dis
import functools
import sys
import types
from collections.abc import Callable
from typing import Any, Literal

import torch

from dyncc.compiler.frontend import cfg
from dyncc.compiler.specialize.execution.frames import Frame

Handling = Literal["", "finally", "except"]
"""Nothing is told of the exception; something is, but it goes on; it may be caught."""

_SILENT = (
    torch.no_grad, torch.enable_grad, torch.inference_mode, torch.set_grad_enabled, torch.autocast,
    torch.profiler.record_function, contextlib.nullcontext,
)  # fmt: skip
"""Context managers that do nothing about exceptions which a program could see."""


def handling(frame: Frame, error: type[BaseException]) -> Handling:
    """What the function of ``frame`` does about ``error`` where it is."""
    label, values = frame.block.handler, dict[str, Any]()
    while label is not None:
        block = frame.function.blocks[label]
        for instruction in block.instructions:
            if _is_finally(instruction):
                return "finally"
            if not _followed(frame, instruction, values, error):
                return "except"
        match block.terminator:
            case cfg.Goto(target=target):
                label = target
            case cfg.If(cond=cond, orelse=orelse) if cond in values:
                if values[cond]:
                    return "except"
                label = orelse
            case cfg.Reraise():
                label = block.handler
            case _:
                return "except"
    return ""


def _is_finally(instruction: cfg.Instruction) -> bool:
    return isinstance(instruction, cfg.Const) and instruction.value == ("raise",)


def _followed(
    frame: Frame, instruction: cfg.Instruction, values: dict[str, Any], error: type[BaseException]
) -> bool:
    """Note what an instruction of a handler gives; False where that is not known beforehand."""
    match instruction:
        case cfg.Const(dst=dst, value=value):
            values[dst] = value
        case cfg.LoadGlobal(dst=dst, name=name):
            values[dst] = frame.globals.get(name, getattr(builtins, name, None))
        case cfg.GetAttr(dst=dst, obj=obj, name=name) if obj in values:
            values[dst] = getattr(values[obj], name, None)
        case cfg.Build(dst=dst, kind="tuple", items=items) if all(arg.register in values for arg in items):
            values[dst] = tuple(values[arg.register] for arg in items)
        case cfg.Delete():
            pass  # the end of ``except … as error``, which unbinds the name
        case cfg.ExcMatch(dst=dst, types=kinds):
            found = values.get(kinds)
            if not all(isinstance(kind, type) for kind in (found if type(found) is tuple else (found,))):
                return False
            values[dst] = issubclass(error, found)
        case cfg.WithExit(dst=dst, exit=exit_):
            manager = getattr(frame.registers.get(exit_), "__self__", None)
            values[dst] = False
            return isinstance(manager, _SILENT)
        case _:
            return False
    return True


def protecting(stop: types.CodeType, is_program: Callable[[types.CodeType], bool]) -> set[types.CodeType]:
    """The program's functions that run natively, above that of code ``stop``, in a ``try`` or ``with``."""
    found: set[types.CodeType] = set()
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not stop:
        table = getattr(frame.f_code, "co_exceptiontable", b"")
        if (
            table
            and is_program(frame.f_code)
            and any(start <= frame.f_lasti < end for start, end in _protected(frame.f_code))
        ):
            found.add(frame.f_code)
        frame = frame.f_back
    return found if frame is not None else set()


@functools.cache
def _protected(code: types.CodeType) -> list[tuple[int, int]]:
    """The parts of ``code`` that are in a ``try`` or ``with``, as offsets.

    From Python 3.12 on a comprehension has an entry in the table too, which puts variables back, and a
    generator one for all of it.
    """
    entries = dis._parse_exception_table(code)  # type: ignore[attr-defined]
    names = {instruction.offset: instruction.opname for instruction in dis.get_instructions(code)}
    return [(e.start, e.end) for e in entries if names.get(e.target) not in ("SWAP", "CALL_INTRINSIC_1")]

"""Watching native code: what it does that a recording of its PyTorch calls would not show.

Three things: effects that cannot be repeated (:mod:`~.effects`), questions which tensors are one
(:mod:`~.identity`), and sums of unknown numbers: of floats CPython makes up for the rounding, in C, and
``prelude.sum_of`` for these. All are seen by the interpreter's profiling hook, which rests while the
recorder is at work: what PyTorch does for a call that is recorded is not the program's doing, and costs
most of the time.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution.effects import (
    caller_of,
    effect_of,
    effect_of_code,
    is_for_library,
    refuse,
)
from dyncc.compiler.specialize.execution.identity import asks_by_number, asks_for_identity
from dyncc.compiler.specialize.execution.program_code import codes_above, is_readable, makes_tensors
from dyncc.runtime.program import HostOp, ScalarType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


@contextmanager
def watching(machine: Machine, func: Callable[..., Any], stop: types.CodeType) -> Iterator[None]:
    """Record the PyTorch calls of ``func``, about to run natively in code ``stop``, and watch it.

    Raises CompileError for an effect, Restart where identities are asked for that the block does not know:
    code that is interpreted asks for those of certain tensors, which may be known.
    """
    split = machine.block.split
    effect: str | None = None
    asked: set[types.CodeType] = set()
    unseen: set[types.CodeType] = set()
    sums: list[int] = []
    minding = not isinstance(func, types.BuiltinFunctionType) and _matters_who_asks(machine)

    def hook(frame: types.FrameType, event: str, argument: Any) -> None:
        nonlocal effect
        if event == "call":
            found = effect_of_code(frame.f_code)
            if effect is None and found and not is_for_library(caller_of(frame)):
                effect = found
            if makes_tensors(frame.f_code):
                unseen.update(codes_above(frame, stop))
            if minding and asks_for_identity(frame.f_code):
                asked.update(codes_above(frame, stop))
        elif event == "c_call":
            if effect is None and (found := effect_of(argument)) and not is_for_library(frame):
                effect = found
            if minding and asks_by_number(frame.f_code, argument):
                asked.update(codes_above(frame, stop))
            if argument is sum:
                sums.append(len(machine.block.host))
        elif event in ("c_return", "c_exception") and argument is sum and sums and prelude.COMPENSATED:
            floats = [op for op in machine.block.host[sums.pop() :] if _adds_floats(op)]
            if len(floats) > 1:  # (the first is added to the start, 0)
                unseen.update(codes_above(frame, stop))

    collecting = gc.isenabled()
    gc.disable()  # a callback of the collector is not the program's doing
    try:
        with machine.recorder.recording(hook):
            yield
    finally:
        if collecting:
            gc.enable()
        _interpret(machine, unseen)
        if asked:
            _interpret(machine, asked)
            machine.facts.demand_sharing(set[Any]().union(*split.values()))
    if effect is not None:
        refuse(machine, effect)


def _matters_who_asks(machine: Machine) -> bool:
    """Not where all sharing is known, unless elements of lists are made anew whenever looked at."""
    return bool(machine.block.split or machine.block.stored or machine.facts.elements)


def _interpret(machine: Machine, codes: set[types.CodeType]) -> None:
    machine.facts.must_interpret(set(filter(is_readable, codes)))


def _adds_floats(op: HostOp) -> bool:
    return op.op == "add" and op.result.type == ScalarType("float")

"""Instructions that call or yield, and the terminators of a block."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dyncc.compiler.frontend import cfg
from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution import calls
from dyncc.compiler.specialize.execution.frames import Frame, Generator, Push
from dyncc.compiler.specialize.execution.instructions.expressions import items_of
from dyncc.compiler.specialize.execution.native import Raised
from dyncc.compiler.specialize.execution.operators import iteration

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def _call(machine: Machine, frame: Frame, i: cfg.Call) -> None:
    args = tuple(items_of(machine, frame, i.args))
    kwargs: dict[str, Any] = {}
    for name, register in i.kwargs:
        if name is not None:
            kwargs[name] = frame.registers[register]
            continue
        mapping = frame.registers[register]
        kwargs.update({key: mapping[key] for key in mapping})
    machine.invoke(frame.registers[i.func], args, kwargs, i.dst)


def _get_iter(machine: Machine, frame: Frame, i: cfg.GetIter) -> None:
    result = iteration.iterator(machine, frame.registers[i.src])
    if isinstance(result, Push):
        machine.invoke(result.func, result.args, result.kwargs, i.dst)
        return
    frame.registers[i.dst] = result


def _listed(machine: Machine, frame: Frame, i: cfg.Listed) -> None:
    value = frame.registers[i.src]
    if isinstance(value, (Generator, *prelude.DECIDING)):
        machine.invoke(prelude.as_list, (value,), {}, i.dst)
        return
    frame.registers[i.dst] = value


def _with_enter(machine: Machine, frame: Frame, i: cfg.WithEnter) -> None:
    manager = frame.registers[i.manager]
    cls = type(manager)
    exit_ = getattr(cls, "__exit__", None)
    enter = getattr(cls, "__enter__", None)
    if enter is None or exit_ is None:
        name = "__exit__" if exit_ is None and enter is not None else "__enter__"
        raise Raised(
            TypeError(
                f"'{cls.__name__}' object does not support the context manager protocol "
                f"(missed {name} method)"
            )
        )
    frame.registers[i.exit] = types.MethodType(exit_, manager)
    machine.invoke(enter, (manager,), {}, i.dst)


def _with_exit(machine: Machine, frame: Frame, i: cfg.WithExit) -> None:
    error = None if i.exc is None else frame.registers[i.exc]
    args = (None, None, None) if error is None else (type(error), error, error.__traceback__)
    machine.invoke(frame.registers[i.exit], args, {}, i.dst)


def _exc_match(machine: Machine, frame: Frame, i: cfg.ExcMatch) -> None:
    frame.registers[i.dst] = machine.native(isinstance, frame.registers[i.exc], frame.registers[i.types])


def _yield(machine: Machine, frame: Frame, i: cfg.Yield) -> None:
    value = frame.registers[i.value]
    generator: Generator = frame.payload
    frame.resume = None if i.delegated else i.dst
    machine.frames.pop()
    continuation, dst = frame.continuation, frame.dst
    frame.payload, frame.dst, frame.continuation = None, None, "call"
    generator.frame, generator.state = frame, "suspended"
    machine.deliver(value, dst, "next" if continuation == "generator next" else "call", None)
    if frame.forked:
        machine.frames[-1].forked = True
        machine.cut()


def _unsupported(machine: Machine, frame: Frame, i: cfg.Unsupported) -> None:
    machine.refuse("DY101", f"{i.what} is not supported", "here")


def _goto(machine: Machine, frame: Frame, t: cfg.Goto) -> None:
    machine.goto(frame, t.target)


def _if(machine: Machine, frame: Frame, t: cfg.If) -> None:
    machine._branch(frame, frame.registers[t.cond])


def _for_next(machine: Machine, frame: Frame, t: cfg.ForNext) -> None:
    iterator = frame.registers[t.iterator]
    if isinstance(iterator, Generator):
        machine.resume(iterator, None, "next", ())
        return
    method = calls.special_method(machine, iterator, "__next__")
    if method is not None:
        machine.invoke(method, (iterator,), {}, None, "next")
        return
    try:
        value = machine.native(next, iterator)
    except Raised as raised:
        if isinstance(raised.error, StopIteration):
            machine.exhausted(raised.error.value)
            return
        raise
    machine.deliver(value, None, "next", None)


def _return(machine: Machine, frame: Frame, t: cfg.Return) -> None:
    machine.return_(frame.registers[t.value])


def _raise(machine: Machine, frame: Frame, t: cfg.Raise) -> None:
    if t.exc is None:
        raise Raised(RuntimeError("No active exception to reraise"))
    error = frame.registers[t.exc]
    if isinstance(error, type):
        error = machine.native(error)
    if not isinstance(error, BaseException):
        error = TypeError("exceptions must derive from BaseException")
    raise Raised(error)


def _reraise(machine: Machine, frame: Frame, t: cfg.Reraise) -> None:
    raise Raised(frame.registers[t.exc])


CONTROL: dict[type, Callable[[Machine, Frame, Any], None]] = {
    cfg.Call: _call,
    cfg.GetIter: _get_iter,
    cfg.Listed: _listed,
    cfg.WithEnter: _with_enter,
    cfg.WithExit: _with_exit,
    cfg.ExcMatch: _exc_match,
    cfg.Yield: _yield,
    cfg.Unsupported: _unsupported,
    cfg.Goto: _goto,
    cfg.If: _if,
    cfg.ForNext: _for_next,
    cfg.Return: _return,
    cfg.Raise: _raise,
    cfg.Reraise: _reraise,
}

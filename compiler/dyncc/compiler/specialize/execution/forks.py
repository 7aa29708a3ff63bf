"""Forks: a block ends with a decision, and the machine's frames go on once for each answer.

A side begins where the instruction that asked is, with the answer in the place of the value that was not
known, or where a branch goes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution.frames import EndBlock
from dyncc.compiler.specialize.recording import questions
from dyncc.compiler.specialize.values import DynamicTag, DynamicText, Scalar

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def fork(machine: Machine, pred: Scalar, then: Callable[[], None], orelse: Callable[[], None]) -> NoReturn:
    """End the block with a branch on ``pred``; each callable puts the frames where its side goes on."""
    _mark_forked(machine)
    saved = [frame.copy() for frame in machine.frames]
    operand = pred.operand
    machine.owner.asking = pred.origins
    edges = []
    for side, answer in ((then, True), (orelse, False)):
        machine.frames = [frame.copy() for frame in saved]
        side()
        with questions.answered(machine.block, pred.expr, answer):
            edges.append(machine.owner.edge(machine))
    machine.owner.branch(operand, edges[0], edges[1])
    raise EndBlock


def fork_bool(machine: Machine, subject: Any) -> NoReturn:
    """Fork on a bool: the instruction is executed again, with the value static on each side.

    The two sides differ in the bool alone; it must not be generalized again where they begin.
    """
    _rewind_current(machine)
    point = tuple((f.function.code, f.label, f.index) for f in machine.frames)
    machine.facts.demand(frozenset(origin for origin in subject.origins if origin[0] == point))

    def put(value: Any) -> Callable[[], None]:
        return lambda: _substitute(machine, subject, value)

    fork(machine, subject, put(True), put(False))


def _substitute(machine: Machine, subject: Any, value: Any) -> None:
    for frame in machine.frames:
        frame.reads = tuple([value if held is subject else held for held in frame.reads])
        for name, held in frame.registers.items():
            if held is subject:
                frame.registers[name] = value
            elif type(held) is DynamicText:
                frame.registers[name] = held.with_number(subject, value)


def switch(
    machine: Machine,
    subject: Scalar,
    values: tuple[int, ...],
    outside: int,
    error: BaseException | None = None,
) -> NoReturn:
    """Fork on an int: one case for each of ``values``.

    Every other number raises ``error``, or does what ``outside`` does, which stands for them.
    """
    _rewind_current(machine)
    _mark_forked(machine)
    saved = [frame.copy() for frame in machine.frames]
    operand = subject.operand
    machine.owner.asking = subject.origins
    edges = []
    for position, value in enumerate((*values, outside)):
        machine.frames = [frame.copy() for frame in saved]
        if position == len(values) and error is not None:
            machine.frames[-1].raising = error
        else:
            _substitute(machine, subject, value)
        edges.append(machine.owner.edge(machine))
    machine.owner.switch(operand, values, edges[:-1], edges[-1])
    raise EndBlock


def fork_raising(machine: Machine, subject: Scalar, errors: dict[int, BaseException]) -> NoReturn:
    """Fork on what an operation raises; where it raises nothing the instruction is executed again."""
    _rewind_current(machine)
    _mark_forked(machine)
    saved = [frame.copy() for frame in machine.frames]
    edges = []
    for error in (*errors.values(), None):
        machine.frames = [frame.copy() for frame in saved]
        if error is None:
            machine.frames[-1].cleared += 1
        else:
            machine.frames[-1].raising = error
            machine.frames[-1].cleared = 0
        edges.append(machine.owner.edge(machine))
    machine.owner.switch(subject.operand, tuple(errors), edges[:-1], edges[-1])
    raise EndBlock


def fork_size(machine: Machine, equal: Scalar, key: str) -> NoReturn:
    """Fork on whether two sizes are equal; on each side the instruction is executed with the answer."""
    _rewind_current(machine)

    def answered(answer: bool) -> Callable[[], None]:
        def put() -> None:
            machine.frames[-1].answers += ((key, answer),)

        return put

    fork(machine, equal, answered(True), answered(False))


def fork_tag(machine: Machine, tag: DynamicTag) -> NoReturn:
    """Fork on a text or member of an enum: one case for each that it may be."""
    _rewind_current(machine)
    _mark_forked(machine)
    saved = [frame.copy() for frame in machine.frames]
    edges = []
    for value in tag.table:
        machine.frames = [frame.copy() for frame in saved]
        _substitute(machine, tag, value)
        edges.append(machine.owner.edge(machine))
    machine.owner.switch(tag.scalar.operand, tuple(range(len(edges) - 1)), edges[:-1], edges[-1])
    raise EndBlock


def _mark_forked(machine: Machine) -> None:
    for frame in machine.frames:
        frame.forked = True
        machine.facts.interpret.add(frame.function.code)
        live = frame.live()
        for name, value in frame.registers.items():
            if type(value) is prelude.SequenceIterator and value._dyncc_loop is not None and name in live:
                machine.facts.deciding.add(value._dyncc_loop)


def _rewind_current(machine: Machine) -> None:
    """Put the frames back to just before the instruction that is being executed."""
    frame, at = machine.executing
    machine.rewind(frame, at)
    frame.reads = tuple(machine.block.reads)  # what the instruction has read so far: no read is made again

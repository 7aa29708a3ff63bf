"""How specialization is interrupted: decisions, cuts and restarts; the origin of dynamic numbers.

Binding-time errors in the terms of partial evaluation: native code needs the value of something dynamic.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, NoReturn

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.runtime.program import Span

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.block import BlockBuilder


class Decision(BaseException):
    """Native code needed the value of ``subject``. Not an Exception: a program must not catch it."""

    def __init__(self, subject: object, what: str) -> None:
        super().__init__(what)
        self.subject = subject
        self.what = what
        self.site: Site | None = None
        """The call that needed the value, where :func:`decide` was told."""

    def repeats(self, other: Decision) -> bool:
        """Whether the same call asked for the same value another time."""
        return self.site == other.site and self.subject is other.subject and self.what == other.what


class MayRaise(Decision):
    """An operation may raise on data where the program handles that: ``subject`` is an int that says what.

    ``errors``: the exception for each of its values; every other means that nothing is raised.
    """

    def __init__(self, subject: object, errors: dict[int, BaseException]) -> None:
        super().__init__(subject, "an exception that an operation raises on data")
        self.errors = errors


class SizeQuestion(Decision):
    """Whether two sizes are equal decides what a call does: ``subject`` is a bool that says so.

    ``key`` tells the questions of an instruction apart, whatever block it is executed in.
    """

    def __init__(self, subject: object, key: str) -> None:
        super().__init__(subject, "whether two sizes are equal")
        self.key = key


class Restart(BaseException):
    """A fact was learned that changes what was specialized before: begin again with it."""


DATA = ("data",)
SESSION: tuple[Any, ...] = ("session",)
"""The point of the state between calls."""
"""The origin of a number that was read from a tensor: no restart makes it static."""
current: list[BlockBuilder] = []
"""The block that is being recorded (innermost last); empty outside of a specialization."""


def builder() -> BlockBuilder:
    if not current:
        raise RuntimeError("a value of a dyncc specialization was used after it ended")
    return current[-1]


Site = tuple[int, CodeType, int]
"""A call that is under way: its frame, the function, the instruction."""
_RECORDING = tuple(str(Path(__file__).parents[1] / folder) for folder in ("values", "recording"))


def call_site() -> Site | None:
    """The call of the program, or of the machine, on whose behalf the recording runs."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_RECORDING):
        frame = frame.f_back
    return None if frame is None else (id(frame), frame.f_code, frame.f_lasti)


def decide(subject: object, what: str) -> NoReturn:
    """Interrupt native code at a decision; the block remembers it in case the code catches all."""
    decision = Decision(subject, what)
    decision.site = call_site()
    builder().note_decision(decision)
    raise decision


def native_computation(func: Any, span: Span | None) -> CompileError:
    """The refusal of code in C++ that computes with a tensor: TorchScript, a C++ extension."""
    return CompileError(
        [
            Diagnostic(
                "DY103",
                f"code in C++ computes with a tensor (`{func}`)",
                span,
                label="dyncc cannot look into this call",
                helps=(
                    "call the Python function or module that TorchScript was made from",
                    "make an operator of it: `torch.library.custom_op` and `dyncc.compiler.register_onnx`",
                ),
            )
        ]
    )


class Cut(BaseException):
    """A number is needed before the graph that can only be had after it: the block ends before this
    instruction, and the next one has the number as a parameter. ``refusal`` is what to say where the block
    cannot end: it begins here, and no code can be interpreted that would split what is done."""

    def __init__(self, refusal: Diagnostic | None = None) -> None:
        super().__init__()
        self.refusal = refusal

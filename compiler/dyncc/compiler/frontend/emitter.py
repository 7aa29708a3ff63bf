"""Emitter: blocks under construction, the exception handler in force, and the ways out of a statement."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.scopes import Scope
from dyncc.compiler.frontend.source import Definition
from dyncc.runtime.program import Span


@dataclass(eq=False)
class Draft:
    """A block being written."""

    label: cfg.Label
    handler: cfg.Label | None
    catch: cfg.Register | None = None
    hint: str = ""
    instructions: list[cfg.Instruction] = field(default_factory=list["cfg.Instruction"])
    terminator: cfg.Terminator | None = None


# What surrounds the statement being built; ``outside`` is the handler in force around the construct.


@dataclass(frozen=True, slots=True)
class Loop:
    """``break`` and ``continue`` lead here."""

    exit: cfg.Label
    head: cfg.Label


@dataclass(frozen=True, slots=True, eq=False)
class Finally:
    """A ``try`` with a ``finally``. ``ways`` collects how its body is left; ``register`` is ``%finN``."""

    register: cfg.Register
    label: cfg.Label
    ways: set[str] = field(default_factory=set[str])


@dataclass(frozen=True, slots=True)
class InFinally:
    """The body of a ``finally``: a bare ``raise`` re-raises the exception that it was entered with."""

    register: cfg.Register


@dataclass(frozen=True, slots=True)
class With:
    """The body of a ``with``: leaving it calls ``exit``."""

    exit: cfg.Register
    outside: cfg.Label | None
    span: Span


@dataclass(frozen=True, slots=True)
class Handling:
    """The body of an ``except``: leaving it unbinds ``name``."""

    exc: cfg.Register
    name: str | None
    outside: cfg.Label | None
    span: Span


Surrounding: TypeAlias = "Loop | Finally | InFinally | With | Handling"


class Emitter:
    """Writes blocks in source order. There is always a current block, unless the place is unreachable."""

    def __init__(self, definition: Definition, code: types.CodeType, scope: Scope) -> None:
        self.definition = definition
        self.code = code
        self.scope = scope
        self.drafts: list[Draft] = []
        self.surroundings: list[Surrounding] = []
        self.handler: cfg.Label | None = None
        self._counts: dict[str, int] = {}
        self._clamp: list[Span] = []
        self._spans: dict[ast.AST, Span] = {}
        self.here = self.span(definition.node)
        self.start(self.label())

    # ------------------------------------------------------------------------- names, spans

    def number(self, kind: str) -> int:
        """1, 2, … for each ``kind`` of thing that needs a name."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return self._counts[kind]

    def temp(self) -> cfg.Register:
        return f"%{self.number('%')}"

    def label(self) -> cfg.Label:
        return f"b{self.number('label')}"

    def span(self, node: ast.AST) -> Span:
        """The place of ``node`` (of the f-string around it where Python 3.11 misplaces it)."""
        span = self._spans.get(node)
        if span is None:
            span = self.definition.file.span(node, self.code.co_qualname)
            if self._clamp and not _within(span, self._clamp[-1]):
                span = self._clamp[-1]
            self._spans[node] = span
        return span

    @contextmanager
    def clamped(self, span: Span) -> Iterator[None]:
        """No span made in here is outside of ``span``."""
        self._clamp.append(span)
        yield
        self._clamp.pop()

    # ------------------------------------------------------------------------------- blocks

    @property
    def reachable(self) -> bool:
        """Whether the current block is still open."""
        return self.drafts[-1].terminator is None

    def start(self, label: cfg.Label, catch: cfg.Register | None = None) -> None:
        """Begin the block ``label``; the current one must be closed (or none be there)."""
        self.drafts.append(Draft(label, self.handler, catch))

    def place(self, label: cfg.Label, hint: str = "") -> None:
        """Begin the block ``label``, into which an open current block falls."""
        self.goto(label)
        self.start(label)
        self.drafts[-1].hint = hint

    def goto(self, label: cfg.Label) -> None:
        """Close the current block; nothing where it is closed already."""
        if self.reachable:
            self.end(cfg.Goto(label, self.here))

    def end(self, terminator: cfg.Terminator) -> None:
        self._open().terminator = terminator

    def emit(self, instruction: cfg.Instruction) -> None:
        self._open().instructions.append(instruction)

    def _open(self) -> Draft:
        """The current block; after a ``return`` or ``raise`` a new one, which nothing leads to."""
        if not self.reachable:
            self.start(self.label())
        return self.drafts[-1]

    @contextmanager
    def protected(self, handler: cfg.Label | None) -> Iterator[None]:
        """Blocks written in here have this handler; ends with the outer one in force, at no block."""
        outside = self.handler
        self.set_handler(handler)
        yield
        self.handler = outside

    def set_handler(self, handler: cfg.Label | None) -> None:
        """Go on under another handler."""
        if handler != self.handler:
            self.handler = handler
            self.place(self.label())

    def surrounded(self, surrounding: Surrounding) -> _Surrounded:
        return _Surrounded(self, surrounding)

    # ------------------------------------------------------------------ simple instructions

    def const(self, value: object, span: Span) -> cfg.Register:
        dst = self.temp()
        self.emit(cfg.Const(dst, value, span))
        return dst

    def call(self, func: cfg.Register, args: tuple[cfg.Register, ...], span: Span) -> cfg.Register:
        """A call with positional arguments."""
        dst = self.temp()
        self.emit(cfg.Call(dst, func, tuple(cfg.Arg(arg) for arg in args), (), span))
        return dst

    def binary(self, op: str, left: cfg.Register, right: cfg.Register, span: Span) -> cfg.Register:
        dst = self.temp()
        self.emit(cfg.Binary(dst, op, left, right, False, span))
        return dst

    def compare(self, op: str, left: cfg.Register, right: cfg.Register, span: Span) -> cfg.Register:
        dst = self.temp()
        self.emit(cfg.Compare(dst, op, left, right, span))
        return dst

    def unsupported(self, what: str, node: ast.AST) -> cfg.Register:
        """A diagnostic when this is reached; what follows is built all the same."""
        self.emit(cfg.Unsupported(what, self.span(node)))
        return self.const(None, self.span(node))

    def retarget(self, old: cfg.Register, new: cfg.Register) -> bool:
        """Let the last instruction, if it is what defines the temporary ``old``, define ``new`` instead."""
        draft = self.drafts[-1]
        if draft.terminator is not None or not draft.instructions or not old.startswith("%"):
            return False
        last = draft.instructions[-1]
        if getattr(last, "dst", None) != old:
            return False
        draft.instructions[-1] = replace(last, dst=new)  # type: ignore[call-arg]  # it has a dst
        return True


class _Surrounded:
    """Pushes a surrounding for the extent of a ``with``."""

    def __init__(self, emitter: Emitter, surrounding: Surrounding) -> None:
        self._stack = emitter.surroundings
        self._surrounding = surrounding

    def __enter__(self) -> None:
        self._stack.append(self._surrounding)

    def __exit__(self, *_: object) -> None:
        self._stack.pop()


def _within(inner: Span, outer: Span) -> bool:
    return (outer.line, outer.column) <= (inner.line, inner.column) and (
        inner.end_line,
        inner.end_column,
    ) <= (outer.end_line, outer.end_column)

"""Diagnostics: what the compiler says about a program that it refuses or has doubts about.

A diagnostic is data: a stable code of :mod:`dyncc.compiler.errors`, a message, the exact expression,
other places that explain it, notes (facts) and helps (what to do). Texts are lowercase, without a final
period, with code in backticks. :mod:`dyncc.compiler.diagnostics_render` prints them.

This module imports neither torch nor a terminal library, so every part of the compiler may use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dyncc.runtime.program import Span

Severity: TypeAlias = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Label:
    """A secondary place and what it has to do with the matter. Columns count characters, from 1."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem.

    ``code`` is a key of :data:`dyncc.compiler.errors.CODES`, or empty where there is no page (an
    exception in the user's own module). ``span`` is None only where no place is to blame; ``label``
    is the text under it. A multi-line text in ``notes`` or ``helps`` is indented as a whole.
    """

    code: str
    message: str
    span: Span | None
    label: str = ""
    related: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    severity: Severity = "error"


class CompileError(Exception):
    """The program is refused. ``diagnostics`` holds every problem found, at least one of them an error.

    ``str()`` is the rendered text with the source lines.
    """

    diagnostics: tuple[Diagnostic, ...]

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        if not diagnostics:
            raise ValueError("a CompileError needs at least one diagnostic")
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        from dyncc.compiler.diagnostics_render import render

        return "\n" + render(self.diagnostics)

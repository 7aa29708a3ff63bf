"""Exit codes, and the error that carries one. Documented in ``dyncc --help`` and in the README."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from dyncc.compiler.diagnostics import Diagnostic


class Exit(IntEnum):
    DONE = 0
    REFUSED = 1
    USAGE = 2
    CHECK_FAILED = 3
    MISSING = 4
    DAMAGED = 5


MEANING = {
    Exit.DONE: "done",
    Exit.REFUSED: "the program is refused, does not import, or its model cannot be built; or it raises in `dyncc run`",
    Exit.USAGE: "usage: no such file, a bad option, no model found in the file",
    Exit.CHECK_FAILED: "a check failed",
    Exit.MISSING: "a dependency or an engine is missing",
    Exit.DAMAGED: "the bundle is damaged or incompatible",
}


class CliError(Exception):
    """A command ends with ``code``; ``diagnostics`` say why."""

    def __init__(self, code: Exit, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("; ".join(diagnostic.message for diagnostic in diagnostics))
        self.code = code
        self.diagnostics = tuple(diagnostics)


def usage(message: str, *helps: str, notes: Sequence[str] = ()) -> CliError:
    """A usage error: exit code 2."""
    return CliError(Exit.USAGE, [Diagnostic("", message, None, notes=tuple(notes), helps=helps)])


def missing(message: str, *helps: str) -> CliError:
    """A dependency or an engine is missing: exit code 4."""
    return CliError(Exit.MISSING, [Diagnostic("", message, None, helps=helps)])


def damaged(message: str, *helps: str) -> CliError:
    """The bundle is damaged: exit code 5."""
    return CliError(Exit.DAMAGED, [Diagnostic("", message, None, helps=helps)])

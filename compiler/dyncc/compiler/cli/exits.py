"""Exit codes, and the error that carries one. Documented in ``dyncc --help`` and in the README."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import Path

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
    Exit.REFUSED: "the program is refused, does not import, or its model cannot be built;\n"
    "     or the network raises while it runs (`dyncc run`)",
    Exit.USAGE: "usage: no such file, one that cannot be read or written, a bad option, no model",
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


def absent(
    path: Path, *helps: str, notes: Sequence[str] = (), suffix: str = "", what: str = "file"
) -> CliError:
    """There is no such file: a usage error, with the name beside it that may have been meant."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.name.endswith(suffix)]
    except OSError:
        where = path.parent
        return usage(f"no such {what}: {path}", *helps, notes=(*notes, f"there is no folder {where}"))
    near = similar(path.name, names)
    meant = [f"did you mean `{path.with_name(near)}`?"] if near else []
    return usage(f"no such {what}: {path}", *meant, *helps, notes=notes)


def similar(word: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that ``word`` is likely to stand for."""
    return next(iter(difflib.get_close_matches(word, list(names), 1, 0.7)), None)

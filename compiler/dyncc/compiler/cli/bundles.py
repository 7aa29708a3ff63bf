"""Bundles as the commands see them: opening one, its inputs, and what can go wrong with it."""

from __future__ import annotations

from pathlib import Path

from dyncc.compiler.cli.exits import Exit, usage
from dyncc.compiler.diagnostics import Diagnostic
from dyncc.runtime import errors

CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (errors.BundleError, Exit.DAMAGED),
    (errors.EngineMissing, Exit.MISSING),
    (errors.InputError, Exit.USAGE),
    (errors.DynccError, Exit.REFUSED),
)
"""The exit code of each error of the runtime; the first that matches."""


def runtime_failure(error: Exception) -> tuple[Exit, list[Diagnostic]] | None:
    """The exit code and the message for an error of the runtime; None for any other exception."""
    for kind, code in CODES:
        if isinstance(error, kind):
            return code, [Diagnostic("", str(error), None)]
    return None


def existing(path: Path) -> Path:
    """``path`` itself. Raises a usage error where it is no folder."""
    if not path.exists():
        raise usage(f"no such bundle: {path}", "dyncc FILE.py makes one")
    if not path.is_dir():
        raise usage(f"{path} is a file; a bundle is a folder")
    return path

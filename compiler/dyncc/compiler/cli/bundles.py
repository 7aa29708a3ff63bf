"""The runtime as the commands see it."""

from __future__ import annotations

from dyncc.compiler.cli.exits import Exit
from dyncc.compiler.diagnostics import Diagnostic


def runtime_failure(error: Exception) -> tuple[Exit, list[Diagnostic]] | None:
    return None

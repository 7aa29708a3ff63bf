"""The compiler: ``from dyncc.compiler import compile``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dyncc.compiler.api import CompileReport, compile
    from dyncc.compiler.diagnostics import CompileError

__all__ = ["CompileError", "CompileReport", "compile"]


def __getattr__(name: str) -> Any:
    """Import on first use: the command line shows its help without loading torch."""
    if name in ("compile", "CompileReport"):
        from dyncc.compiler import api

        return getattr(api, name)
    if name == "CompileError":
        from dyncc.compiler.diagnostics import CompileError

        return CompileError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

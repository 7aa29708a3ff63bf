"""What a program tells those who watch it: left out of the compiled program, with a warning."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize.execution.models.registry import model

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine

_LEVELS = ("debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log")
_METHODS = {
    getattr(owner, level) for owner in (logging.Logger, logging.LoggerAdapter) for level in _LEVELS
    if hasattr(owner, level)
}  # fmt: skip


@model(print)
def _print(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return left_out(machine, "print")


@model(warnings.warn)
def _warn(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return left_out(machine, "warnings.warn")


@model(*(getattr(logging, level) for level in _LEVELS))
def _log(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return left_out(machine, "logging")


def is_log(func: Any) -> bool:
    """Whether it is a method of a logger that writes a message."""
    return getattr(func, "__func__", None) in _METHODS


def left_out(machine: Machine, what: str) -> None:
    machine.owner.warn(f"`{what}` is left out of the compiled program")

"""Replacements of PyTorch callables that the exporter gets wrong or cannot take, at the call itself.

Most repairs are made one level lower, on ATen operators (:mod:`~dyncc.compiler.lower.tables`), where a
call is met whatever its spelling. Here are those that need the Python arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_REPLACEMENTS: dict[Any, Callable[..., Any]] = {}


def replacement(target: Callable[..., Any]) -> Callable[..., Any]:
    """What the exporter calls instead of ``target``: the same function of its arguments."""
    return _REPLACEMENTS.get(target, target)

"""Tuples of every class: plain ones, named ones, and those of PyTorch (``torch.return_types.max``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def field_names(cls: type) -> tuple[str, ...]:
    """The names of a named tuple's fields; empty for another class."""
    if hasattr(cls, "n_sequence_fields"):  # a struct sequence of C
        return tuple(cls.__match_args__)  # type: ignore[attr-defined]
    return tuple(getattr(cls, "_fields", ()))


def tuple_of(cls: type, items: Iterable[Any]) -> Any:
    """A tuple of that class: a named one takes its items apart, every other as a sequence."""
    return cls(*items) if hasattr(cls, "_fields") else cls(tuple(items))

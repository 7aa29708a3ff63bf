"""What CPython's opcodes for ``match`` do, as functions that a graph calls."""

from __future__ import annotations

import sys
from typing import Any

_SEQUENCE = 1 << 5  # Py_TPFLAGS_SEQUENCE, which subclasses of collections.abc.Sequence have
_MAPPING = 1 << 6
_MATCH_SELF = (bool, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple)


def is_sequence(subject: object) -> bool:
    """Whether a sequence pattern may match (MATCH_SEQUENCE): not so for ``str`` and ``bytes``."""
    return bool(type(subject).__flags__ & _SEQUENCE)


def is_mapping(subject: object) -> bool:
    """Whether a mapping pattern may match (MATCH_MAPPING)."""
    return bool(type(subject).__flags__ & _MAPPING)


def mapping_values(subject: Any, keys: tuple[object, ...]) -> tuple[Any, ...] | None:
    """The values of ``keys``, None where one is missing (MATCH_KEYS). ValueError for a key twice."""
    missing = object()
    seen: set[object] = set()
    values: list[Any] = []
    get = subject.get if keys else None
    for key in keys:
        if key in seen:
            raise ValueError(f"mapping pattern checks duplicate key ({key!r})")
        seen.add(key)
        assert get is not None
        value = get(key, missing)
        if value is missing:
            return None
        values.append(value)
    return tuple(values)


def mapping_rest(subject: Any, keys: tuple[object, ...]) -> dict[Any, Any]:
    """What ``**rest`` captures."""
    rest = dict(subject)
    for key in keys:
        del rest[key]
    return rest


def class_values(
    subject: object, cls: object, positional: int, names: tuple[str, ...]
) -> tuple[Any, ...] | None:
    """The attributes that a class pattern asks for, None where it does not match (MATCH_CLASS).

    ``positional`` patterns take their names from ``__match_args__``. TypeError as CPython raises it.
    """
    if not isinstance(cls, type):
        kind = "class" if sys.version_info >= (3, 12) else "type"
        raise TypeError(f"called match pattern must be a {kind}")
    if not isinstance(subject, cls):
        return None
    values: list[Any] = []
    wanted: list[str] = []
    if positional:
        match_self = not hasattr(cls, "__match_args__") and issubclass(cls, _MATCH_SELF)
        wanted = [] if match_self else _positional_names(cls, positional)
        if match_self:
            if positional > 1:
                raise TypeError(f"{cls.__name__}() accepts 1 positional sub-pattern ({positional} given)")
            values.append(subject)
    for name in (*wanted, *names):
        if wanted and name in wanted and name in names:
            raise TypeError(f"{cls.__name__}() got multiple sub-patterns for attribute {name!r}")
        try:
            values.append(getattr(subject, name))
        except AttributeError:
            return None
    return tuple(values)


def _positional_names(cls: type, count: int) -> list[str]:
    names = getattr(cls, "__match_args__", ())
    if not isinstance(names, tuple):
        raise TypeError(f"{cls.__name__}.__match_args__ must be a tuple (got {type(names).__name__})")
    if len(names) < count:
        plural = "" if len(names) == 1 else "s"
        raise TypeError(
            f"{cls.__name__}() accepts {len(names)} positional sub-pattern{plural} ({count} given)"
        )
    for name in names[:count]:
        if not isinstance(name, str):
            raise TypeError(f"__match_args__ elements must be strings (got {type(name).__name__})")
    return list(names[:count])

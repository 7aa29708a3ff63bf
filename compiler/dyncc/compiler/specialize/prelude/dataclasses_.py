"""The methods that ``dataclasses`` writes, of which there is no source to interpret."""

from __future__ import annotations

import dataclasses
import inspect
import types
from typing import Any

_COMPARISONS = frozenset(("__eq__", "__lt__", "__le__", "__gt__", "__ge__"))


def definition_of(function: types.FunctionType, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """What a method that ``dataclasses`` wrote is to be interpreted as, and with which first arguments.

    None for any other function.
    """
    if function.__code__.co_filename != "<string>" or not args:
        return None
    name = function.__name__
    owners = (base for base in type(args[0]).__mro__ if base.__dict__.get(name) is function)
    owner = next((base for base in owners if "__dataclass_params__" in base.__dict__), None)
    if owner is None:
        return None
    if name in _COMPARISONS:
        names = tuple(field.name for field in dataclasses.fields(owner) if field.compare)
        return _compared, name, names
    return (_initialized, owner) if name == "__init__" else None


def _compared(method: str, names: Any, left: Any, right: Any) -> Any:
    if right.__class__ is not left.__class__:
        return NotImplemented
    ours = _values(names, left)
    theirs = _values(names, right)
    match method:
        case "__eq__":
            return ours == theirs
        case "__lt__":
            return ours < theirs
        case "__le__":
            return ours <= theirs
        case "__gt__":
            return ours > theirs
    return ours >= theirs


def _values(names: Any, value: Any) -> Any:
    return tuple(getattr(value, name) for name in names)


def _initialized(cls: Any, made: Any, *args: Any, **kwargs: Any) -> None:
    attributes, after = _arguments(cls, args, kwargs)
    for name, value in attributes:
        object.__setattr__(made, name, value)
    if after is not None:
        made.__post_init__(*after)


def _arguments(cls: Any, args: Any, kwargs: Any) -> Any:
    """The attributes that ``cls(*args, **kwargs)`` sets, in their order, and what its ``__post_init__`` is
    given; None where there is no such method."""
    bound = inspect.signature(cls.__init__).bind(None, *args, **kwargs)
    bound.apply_defaults()
    attributes, after = [], []
    for field in cls.__dataclass_fields__.values():
        kind = field._field_type
        if kind is dataclasses._FIELD_CLASSVAR:  # type: ignore[attr-defined]
            continue
        given = field.init and field.name in bound.arguments
        value = bound.arguments[field.name] if given else dataclasses.MISSING
        if value is dataclasses._HAS_DEFAULT_FACTORY or not field.init:  # type: ignore[attr-defined]
            if field.default_factory is not dataclasses.MISSING:
                value = field.default_factory()
            elif not field.init:
                continue  # (its default is the class's, or `__post_init__` sets it)
        if kind is dataclasses._FIELD_INITVAR:  # type: ignore[attr-defined]
            after.append(value)
        else:
            attributes.append((field.name, value))
    return attributes, after if hasattr(cls, "__post_init__") else None


DECIDING = (_compared, _initialized)

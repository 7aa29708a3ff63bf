"""``@frozen`` and ``@record``: slotted dataclasses that are made quickly.

``dataclasses.dataclass(frozen=True, slots=True)`` compiles six functions for each class, half a millisecond
of them, and the runtime has seventy classes: a tenth of the time from the start of a process to its first
answer. Here only ``__init__`` is compiled, when the first object is made; the other methods are shared,
over a getter of all fields. Everything else is as there: ``fields``, ``replace``, ``asdict``, ``match``,
pickling, comparison with the same class only, :class:`~dataclasses.FrozenInstanceError`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, field
from operator import attrgetter
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """``cls`` as a frozen dataclass with slots (no ``__post_init__``, no bases with fields)."""
    made = _made(cls)
    key = _key(made.__slot_names__)

    def __hash__(self: Any) -> int:
        return hash(key(self))

    if cls.__dict__.get("__hash__") is None:
        made.__hash__ = __hash__
    made.__setattr__, made.__delattr__ = _refuse_set, _refuse_delete
    return made


@dataclass_transform(field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """``cls`` as a dataclass with slots, whose fields may be set (otherwise as ``frozen``)."""
    return _made(cls)


def _made(cls: Any) -> Any:
    cls.__doc__ = cls.__doc__ or cls.__name__  # else `dataclass` writes a signature, for milliseconds
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    names = tuple(item.name for item in dataclasses.fields(made))
    key = _key(names)

    def __eq__(self: Any, other: object) -> Any:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def __getstate__(self: Any) -> tuple[Any, ...]:
        return key(self)

    def __repr__(self: Any) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in zip(names, key(self), strict=True))
        return f"{self.__class__.__qualname__}({values})"

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        made.__init__ = _init(made)
        made.__init__(self, *args, **kwargs)

    made.__init__ = __init__
    for method in (__eq__, __repr__):
        if method.__name__ not in cls.__dict__:
            setattr(made, method.__name__, method)
    if "__hash__" not in cls.__dict__:
        made.__hash__ = None
    made.__getstate__, made.__setstate__ = __getstate__, _set_state
    made.__slot_names__ = names
    return made


def _key(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """All fields of an object, as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda _: ()
    (only,) = names
    return lambda value: (getattr(value, only),)


def _init(cls: Any) -> Callable[..., None]:
    """``__init__``, which sets the slots through their descriptors, since attributes may not be set."""
    scope: dict[str, Any] = {}
    head, body = ["self"], []
    for item in dataclasses.fields(cls):
        name = item.name
        scope[f"set_{name}"] = cls.__dict__[name].__set__
        if item.default_factory is not MISSING:
            scope[f"make_{name}"], scope["MISSING"] = item.default_factory, MISSING
            head.append(f"{name}=MISSING")
            body.append(f"  set_{name}(self, make_{name}() if {name} is MISSING else {name})")
            continue
        if item.default is MISSING:
            head.append(name)
        else:
            scope[f"default_{name}"] = item.default
            head.append(f"{name}=default_{name}")
        body.append(f"  set_{name}(self, {name})")
    exec("\n".join([f"def __init__({', '.join(head)}):", *(body or ["  pass"])]), scope)
    made = scope["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _refuse_set(self: Any, name: str, value: Any) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: Any, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _set_state(self: Any, state: tuple[Any, ...]) -> None:
    for name, value in zip(self.__slot_names__, state, strict=True):
        getattr(type(self), name).__set__(self, value)

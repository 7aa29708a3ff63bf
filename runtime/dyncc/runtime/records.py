"""``@frozen`` and ``@record``: slotted dataclasses that are made quickly.

``dataclasses.dataclass(frozen=True, slots=True)`` compiles six functions for each class, half a millisecond
of them, and the runtime has eighty classes: a tenth of the time from the start of a process to its first
answer. Here ``__init__`` is made with the first object, from code that classes with as many fields share;
the other methods are closures over a getter of all fields, and ``dataclasses``' own description of the
fields is made when somebody asks for it. Everything else is as there: ``fields``, ``replace``, ``asdict``,
``match``, pickling, comparison with the same class only, :class:`~dataclasses.FrozenInstanceError`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, FrozenInstanceError, field
from functools import cache
from operator import attrgetter
from types import CodeType, FunctionType
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """``cls`` as a frozen dataclass with slots (no ``__post_init__``, no bases with
    fields, no ``ClassVar``)."""
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


def defaults_of(cls: Any) -> Mapping[str, Any]:
    """Of each field of a record, or of another dataclass, in order, the value that it has when none is
    given, or ``MISSING``."""
    defaults = getattr(cls, "__slot_defaults__", None)
    if defaults is None:
        defaults = {item.name: _default(item) for item in dataclasses.fields(cls)}
    return {name: _value(default) for name, default in defaults.items()}


def replace(value: T, **changes: Any) -> T:
    """A record like ``value`` with some fields changed: ``dataclasses.replace``, without its fields."""
    cls: Any = type(value)
    return cls(**{**dict(zip(cls.__slot_names__, cls.__getstate__(value), strict=True)), **changes})


def _value(default: Any) -> Any:
    factory: Any = default.default_factory if isinstance(default, dataclasses.Field) else None
    return default if factory is None else factory()


def _made(cls: Any) -> Any:
    scope = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}
    names = tuple(cls.__annotations__)
    defaults = {name: _default(scope.pop(name, MISSING)) for name in names}
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

    scope.setdefault("__eq__", __eq__)
    scope.setdefault("__repr__", __repr__)
    if cls.__dict__.get("__hash__") is None:
        scope["__hash__"] = None
    scope.update(
        __doc__=cls.__doc__ or cls.__name__,
        __init__=__init__,
        __getstate__=__getstate__,
        __setstate__=_set_state,
        __slots__=names,
        __match_args__=names,
        __slot_names__=names,
        __slot_defaults__=defaults,
        __dataclass_fields__=_Fields(),
    )
    made: Any = type(cls)(cls.__name__, cls.__bases__, scope)
    return made


def _default(given: Any) -> Any:
    """A field's default; a ``dataclasses.Field`` where it is made each time."""
    if isinstance(given, dataclasses.Field) and given.default_factory is MISSING:
        return given.default
    return given


class _Fields:
    """``__dataclass_fields__`` of a class that nobody has asked for them."""

    def __get__(self, _: Any, cls: Any) -> dict[str, dataclasses.Field[Any]]:
        given = {name: value for name, value in cls.__slot_defaults__.items() if value is not MISSING}
        annotations = {name: cls.__annotations__[name] for name in cls.__slot_names__}
        scope = {
            **given,
            "__annotations__": annotations,
            "__module__": cls.__module__,
            "__doc__": "Fields.",
        }
        made: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(type(cls.__name__, (), scope))
        cls.__dataclass_fields__ = made.__dataclass_fields__
        return made.__dataclass_fields__


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
    scope: dict[str, Any] = {"MISSING": MISSING}
    given: list[Any] = []
    made: list[bool] = []
    for index, (name, default) in enumerate(cls.__slot_defaults__.items()):
        scope[f"set{index}"] = cls.__dict__[name].__set__
        made.append(isinstance(default, dataclasses.Field))
        if made[-1]:
            scope[f"make{index}"] = default.default_factory
            given.append(MISSING)
        elif default is not MISSING:
            given.append(default)
        elif given:
            raise TypeError(f"the field {name!r} of {cls.__qualname__} has no default, one before it has")
    code = _init_code(tuple(made)).replace(
        co_varnames=("self", *cls.__slot_names__), co_qualname=f"{cls.__qualname__}.__init__"
    )
    return FunctionType(code, scope, "__init__", tuple(given))


@cache
def _init_code(made: tuple[bool, ...]) -> CodeType:
    """The code of an ``__init__`` for so many fields; ``made``: whether a default is made each time."""
    head, body = ["self"], [" pass"]
    for index, is_made in enumerate(made):
        value = f"v{index}"
        head.append(value)
        if is_made:
            value = f"make{index}() if {value} is MISSING else {value}"
        body.append(f" set{index}(self, {value})")
    scope: dict[str, Any] = {}
    exec("\n".join([f"def __init__({', '.join(head)}):", *body]), scope)
    return scope["__init__"].__code__


def _refuse_set(self: Any, name: str, value: Any) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: Any, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _set_state(self: Any, state: tuple[Any, ...]) -> None:
    for name, value in zip(self.__slot_names__, state, strict=True):
        getattr(type(self), name).__set__(self, value)

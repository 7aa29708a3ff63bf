"""Globals and class attributes as state: what the user's functions may rebind outside of any object.

The heap finds objects by their references. A function refers to more than its closure: to the globals that
its code names, and a class to the values of its attributes. Both are followed here, for code of the user
(libraries keep caches, registries and loggers that a network does not change, or not so that it shows).
"""

from __future__ import annotations

import dis
import enum
import functools
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dyncc.compiler.code_origin import is_users

_DESCRIPTORS = (
    *(types.FunctionType, property, staticmethod, classmethod, functools.cached_property),
    *(types.MemberDescriptorType, types.GetSetDescriptorType, types.WrapperDescriptorType),
    *(types.MethodDescriptorType, types.BuiltinFunctionType),
)


class Bindings:
    """Names of a module, or all attributes of a class, as one container: its slots are what they name."""

    __slots__ = ("names", "owner")

    def __init__(self, owner: dict[str, Any] | type, names: frozenset[str] = frozenset()) -> None:
        self.owner = owner
        self.names = names

    @property
    def path(self) -> str:
        owner = self.owner
        return owner.__qualname__ if isinstance(owner, type) else str(owner.get("__name__", "globals"))

    def has(self, name: str) -> bool:
        """Whether ``name`` is among the slots, or becomes one when it is bound."""
        if isinstance(self.owner, type):
            return not (name.startswith("__") or isinstance(vars(self.owner).get(name), _DESCRIPTORS))
        return name in self.names

    def content(self) -> tuple[tuple[str, Any], ...]:
        if isinstance(self.owner, type):
            return tuple(_attributes(self.owner))
        return tuple((name, self.owner[name]) for name in sorted(self.names) if name in self.owner)

    def restore(self, content: tuple[tuple[Any, Any], ...]) -> None:
        wanted = dict(content)
        for name, value in self.content():
            if name not in wanted:
                self._delete(name)
            elif wanted[name] is value:
                del wanted[name]
        for name, value in wanted.items():
            self._write(name, value)

    def _write(self, name: str, value: Any) -> None:
        if isinstance(self.owner, type):
            type.__setattr__(self.owner, name, value)
        else:
            self.owner[name] = value

    def _delete(self, name: str) -> None:
        if isinstance(self.owner, type):
            type.__delattr__(self.owner, name)
        else:
            del self.owner[name]


def _attributes(cls: type) -> Iterator[tuple[str, Any]]:
    """The attributes of a class that hold values (not methods and the like), by name."""
    for name, value in sorted(vars(cls).items()):
        if not (name.startswith("__") and name.endswith("__")) and not isinstance(value, _DESCRIPTORS):
            yield name, value


# ----------------------------------------------------------------------------------------- the user's code


@functools.cache
def is_users_class(cls: type) -> bool:
    """Whether a class is written by the user; an enumeration does not change."""
    if issubclass(cls, enum.Enum) or cls.__module__ == "builtins":
        return False
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return file is None or is_users(file)


def _wrapped(value: Any) -> Iterator[Any]:
    """The functions in a class attribute."""
    if isinstance(value, property):
        yield from (value.fget, value.fset, value.fdel)
    elif isinstance(value, (staticmethod, classmethod)):
        yield value.__func__
    elif isinstance(value, functools.cached_property):
        yield value.func
    else:
        yield value


@dataclass(frozen=True)
class _Names:
    """What ``code``, or code within it, names: globals read and bound, attributes used."""

    read: frozenset[str]
    bound: frozenset[str]
    attributes: frozenset[str]


@functools.cache
def _names(code: types.CodeType) -> _Names:
    read: set[str] = set()
    bound: set[str] = set()
    attributes: set[str] = set()
    for instruction in dis.get_instructions(code):
        match instruction.opname:
            case "LOAD_GLOBAL" | "LOAD_NAME":
                read.add(instruction.argval)
            case "STORE_GLOBAL" | "DELETE_GLOBAL":
                bound.add(instruction.argval)
            case name if name.endswith(("_ATTR", "_METHOD")):
                attributes.add(str(instruction.argval))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = _names(constant)
            read |= inner.read
            bound |= inner.bound
            attributes |= inner.attributes
    return _Names(frozenset(read), frozenset(bound), frozenset(attributes))


class Reach:
    """What code refers to beyond its objects, and the bindings that it may change.

    A method counts as reached when its class is and some reached code uses an attribute of its name (rapid
    type analysis, Bacon and Sweeney 1996, by names alone).
    """

    def __init__(self) -> None:
        self._rebound: dict[int, tuple[dict[str, Any], set[str]]] = {}
        self._classes: dict[type, None] = {}
        self._used: set[str] = {"forward"}
        self._waiting: dict[str, list[tuple[str, Any]]] = {}

    def of(self, value: Any) -> Iterator[tuple[str, Any]]:
        """(Path, value) of what ``value``, anything at all, refers to by its code or its class."""
        if isinstance(value, types.FunctionType):
            yield from self._function(value)
        elif isinstance(value, type):
            yield from self._class(value)
        elif type(value).__module__ != "builtins":
            yield type(value).__qualname__, type(value)

    def _function(self, function: types.FunctionType) -> Iterator[tuple[str, Any]]:
        if not is_users(function.__code__.co_filename):
            return
        namespace = function.__globals__
        names = _names(function.__code__)
        lists = {name for name in names.read if type(namespace.get(name)) is list}
        if names.bound or lists:
            self._rebound.setdefault(id(namespace), (namespace, set()))[1].update(names.bound, lists)
        for name in sorted(names.read | names.bound):
            if name in namespace:
                yield name, namespace[name]
        for name in sorted(names.attributes - self._used):
            self._used.add(name)
            yield from self._waiting.pop(name, ())

    def _class(self, cls: type) -> Iterator[tuple[str, Any]]:
        for base in filter(is_users_class, cls.__mro__):
            if base in self._classes:
                continue
            self._classes[base] = None
            for name, value in vars(base).items():
                special = name.startswith("__") and name.endswith("__")
                path = f"{base.__qualname__}.{name}"
                parts = [(path, part) for part in _wrapped(value)]
                if isinstance(value, _DESCRIPTORS) and not special and name not in self._used:
                    self._waiting.setdefault(name, []).extend(parts)
                elif not special or isinstance(value, _DESCRIPTORS):
                    yield from parts

    def bindings(self) -> Iterator[Bindings]:
        """What the code that was reached may rebind."""
        for namespace, names in self._rebound.values():
            yield Bindings(namespace, frozenset(names))
        for cls in self._classes:
            yield Bindings(cls)

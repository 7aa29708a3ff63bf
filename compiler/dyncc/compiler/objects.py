"""Objects of plain classes: they hold attributes, in ``__dict__`` or slots, and nothing else."""

from __future__ import annotations

import abc
import collections
import enum
import functools
import sys
import types
from typing import Any

import torch

from dyncc.compiler.code_origin import is_of_packages, is_users

_MORE_THAN_ATTRIBUTES = (
    BaseException, dict, list, tuple, set, frozenset, collections.deque, str, bytes, int, float, complex,
    enum.Enum, type, torch.Tensor, torch.nn.Module,
)  # fmt: skip
_OWN_WAYS = ("__getattribute__", "__getattr__", "__init_subclass__", "__del__")
"""Methods with which a class makes something else of attributes, or notices that objects are made."""


def attributes_of(value: Any) -> dict[str, Any]:
    """The attributes of an object of a plain class, in their order: those in its dict, then its slots."""
    found = dict(getattr(value, "__dict__", {}))
    for name in slots_of(type(value)):
        try:
            found[name] = object.__getattribute__(value, name)
        except AttributeError:
            continue
    return found


@functools.cache
def is_plain_class(cls: type) -> bool:
    """Whether an object of ``cls``, a class of the user's or of a package, is what its attributes are.

    Dataclasses are, frozen ones and those with slots too, ordinary classes, and SimpleNamespace.
    """
    if cls is types.SimpleNamespace:
        return True
    if type(cls) not in (type, abc.ABCMeta) or issubclass(cls, _MORE_THAN_ATTRIBUTES):
        return False
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
    if file and not (is_users(file) or is_of_packages(file)):
        return False
    own = [base for base in cls.__mro__ if base is not object]
    if cls.__module__ == "builtins" or any(name in base.__dict__ for base in own for name in _OWN_WAYS):
        return False
    usual = cls.__setattr__ is object.__setattr__ and cls.__delattr__ is object.__delattr__
    return usual or _is_frozen(cls)


def _is_frozen(cls: type) -> bool:
    parameters = getattr(cls, "__dataclass_params__", None)
    return bool(getattr(parameters, "frozen", False))


def new_object(cls: type, attributes: dict[str, Any]) -> Any:
    """An object of a plain class with these attributes; its ``__init__`` is not run."""
    base = types.SimpleNamespace if issubclass(cls, types.SimpleNamespace) else object
    made = base.__new__(cls)
    for name, value in attributes.items():
        object.__setattr__(made, name, value)
    return made


@functools.cache
def slots_of(cls: type) -> tuple[str, ...]:
    """The names of the attributes that objects of ``cls`` have in slots, but for ours (``_dyncc_``)."""
    names: list[str] = []
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        names.extend((slots,) if isinstance(slots, str) else slots)
    ours = (name.startswith("_dyncc_") for name in names)
    return tuple(
        n for n, own in zip(names, ours, strict=True) if not own and n not in ("__dict__", "__weakref__")
    )

"""Python classes of the user's results, without the user's code.

Where the process has imported the user's module, its own class is used (it is looked up, never imported);
otherwise an equivalent of the same name, module and fields is made. A bundle is data: it may only name
classes that are what they claim to be (a named tuple, a dataclass, an exception) with the same fields,
and none of their constructors is run, but for a ``record``'s.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import namedtuple
from collections.abc import Callable
from typing import Any

FIELDS = "__dyncc_fields__"


def loaded_class(module: str, name: str) -> type | None:
    """The class ``module.name`` if its module is imported already."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None


def short(name: str) -> str:
    """The last part of a qualified name."""
    return name.rpartition(".")[2]


def namedtuple_class(module: str, name: str, fields: tuple[str, ...]) -> Callable[..., Any]:
    """A maker of named tuples, with the fields as keywords."""
    own = loaded_class(module, name)
    if own is None or not issubclass(own, tuple) or getattr(own, "_fields", None) != fields:
        own = namedtuple(short(name), fields)  # type: ignore[misc]  # the fields are known at run time only
        own.__module__ = module
    cls = own

    def make(**values: Any) -> Any:
        return tuple.__new__(cls, (values[field] for field in fields))

    return make


def dataclass_class(module: str, name: str, fields: tuple[str, ...]) -> Callable[..., Any]:
    """A maker of dataclass objects, with the fields as keywords. ``__post_init__`` is not run again."""
    own = loaded_class(module, name)
    if (
        own is None
        or not dataclasses.is_dataclass(own)
        or tuple(field.name for field in dataclasses.fields(own)) != fields
    ):
        own = dataclasses.make_dataclass(short(name), [(field, Any) for field in fields], eq=False)
        own.__module__ = module
    cls = own

    def make(**values: Any) -> Any:
        made = object.__new__(cls)
        for field, value in values.items():
            object.__setattr__(made, field, value)
        return made

    return make


class Record(dict[str, Any]):
    """A dictionary that has its keys as attributes (Hugging Face's ``ModelOutput``)."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else tuple(self.values())[key]


def record_class(module: str, name: str, fields: tuple[str, ...]) -> Callable[..., Any]:
    """A maker of records, with the keys as keywords."""
    own = loaded_class(module, name)
    if own is not None and dataclasses.is_dataclass(own) and issubclass(own, dict):
        names = {field.name for field in dataclasses.fields(own)}
        if names.issuperset(fields):
            return own
    return type(short(name), (Record,), {"__module__": module})


def error_class(module: str, name: str, base: type[BaseException]) -> type[BaseException]:
    """The exception class ``module.name``, of which ``base`` is the nearest builtin ancestor."""
    own = loaded_class(module, name)
    if (
        own is not None
        and issubclass(own, base)
        and own.__init__ is base.__init__
        and own.__new__ is base.__new__
    ):
        return own
    return type(short(name), (base,), {"__module__": module})

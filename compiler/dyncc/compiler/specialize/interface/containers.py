"""Containers that may be arguments or results: taken apart and rebuilt."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dyncc.compiler.objects import attributes_of, new_object
from dyncc.compiler.specialize.lists.copies import ElementDict, class_of
from dyncc.compiler.specialize.values import DynamicList
from dyncc.compiler.tuples import field_names, tuple_of


@dataclass(frozen=True)
class Children:
    kind: str
    labels: tuple[Any, ...]
    values: tuple[Any, ...]
    keys: tuple[Any, ...]
    name: str
    module: str
    rebuild: Callable[[list[Any]], Any]


def container_children(value: Any) -> Children | None:
    """The parts of a container that may be an argument or a result; None for any other object."""
    cls = class_of(value)
    names = (cls.__qualname__, cls.__module__)
    if isinstance(value, tuple) and (fields := field_names(cls)):
        return Children(
            "namedtuple", fields, tuple(value), fields, *names, lambda items: tuple_of(cls, items)
        )  # fmt: skip
    if isinstance(value, DynamicList):
        return None
    if cls in (list, tuple, set):
        values = tuple(value)
        return Children(cls.__name__, tuple(range(len(values))), values, (), "", "", cls)
    if isinstance(value, tuple):
        return Children("tuple", tuple(range(len(value))), tuple(value), (), "", "", tuple)
    if isinstance(value, dict):
        keys = tuple(value)
        if not all(isinstance(key, (str, int, float, bool, type(None))) for key in keys):
            return None
        plain = cls in (dict, collections.OrderedDict, collections.defaultdict)
        kind = "dict" if plain else "record"
        name = "OrderedDict" if cls is collections.OrderedDict else ("" if plain else cls.__qualname__)
        return Children(
            kind, keys, tuple(value[k] for k in keys), keys, name, cls.__module__ if name else "",
            lambda items: _rebuild_mapping(cls, keys, items),
        )  # fmt: skip
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = tuple(f.name for f in dataclasses.fields(value))
        values = tuple(getattr(value, f) for f in fields)
        return Children(
            "dataclass",
            fields,
            values,
            fields,
            *names,
            lambda items: _rebuild_dataclass(value, fields, items),
        )
    return None


def _rebuild_mapping(cls: type, keys: tuple[Any, ...], items: list[Any]) -> Any:
    pairs = dict(zip(keys, items, strict=True))
    if cls in (collections.defaultdict, dict, ElementDict):
        return pairs
    return cls(pairs) if cls is collections.OrderedDict else cls(**pairs)


def _rebuild_dataclass(value: Any, fields: tuple[str, ...], items: list[Any]) -> Any:
    return new_object(type(value), {**attributes_of(value), **dict(zip(fields, items, strict=True))})

"""The elements of lists of run-time length: of which form they are, taken apart and put together.

A list of numbers or tensors, or of lists of those, is one value of the host. A list of tuples, dicts or
objects is kept as one such list for each part (a structure of arrays). A text, or a member of an enum, is
kept as its number in a table of all that there are; parts that are the same in all elements (a text, None,
a module) are not kept at all.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from dyncc.compiler.objects import attributes_of, is_plain_class
from dyncc.compiler.specialize.lists.copies import ElementDict, class_of, copied_object, is_copy
from dyncc.compiler.specialize.recording.tensor_types import dtype_name
from dyncc.compiler.specialize.values import (
    DATA,
    DynamicList,
    DynamicTag,
    ListElement,
    SymTensor,
    builder,
    kind_of,
)
from dyncc.compiler.tuples import field_names, tuple_of
from dyncc.ir.printer import type_text
from dyncc.runtime.program import Const, ListType, ScalarType, TensorType


@dataclass(frozen=True)
class Fixed:
    """A part that is the same in all elements: None, a text, or what has no parts (see ``_is_atom``)."""

    value: Any


@dataclass(frozen=True)
class Choice:
    """A text or a member of an enum: one of a table, in which its number is kept."""

    table: tuple[Any, ...]


@dataclass(frozen=True)
class Record:
    """A tuple, or a named one (``cls``), of parts; a dict with ``keys``, or an object with such attributes;
    or an array of NumPy's, of its tensor."""

    cls: type
    parts: tuple[Element, ...]
    keys: tuple[str, ...] = ()


Element: TypeAlias = "ListElement | Fixed | Choice | Record"


def is_element(value: Any, depth: int = 0) -> bool:
    """Whether a list of run-time length could have such an element."""
    if isinstance(value, torch.Tensor) or kind_of(value) is not None or isinstance(value, DynamicList):
        return True
    if type(value) is list:
        return all(isinstance(v, torch.Tensor) or kind_of(v) is not None for v in value)
    if _is_record(value):
        return depth < _DEEPEST and all(is_element(part, depth + 1) for part in _parts(value))
    return _is_text(value) or (depth > 0 and _is_atom(value))


_DEEPEST = 8
"""Records in records; an object may refer to itself."""
_ATOMS = (
    type(None), torch.nn.Module, types.FunctionType, types.BuiltinFunctionType, type, torch.dtype,
    torch.device,
)  # fmt: skip


def _is_atom(value: Any) -> bool:
    """Whether it has no parts that could differ, or none that are a part of an element."""
    return type(value) is not DynamicTag and isinstance(value, _ATOMS)


def _is_text(value: Any) -> bool:
    """Whether it is a text or a member of an enum, or one of several that data choose."""
    if type(value) is DynamicTag:
        return all(map(_is_text, value.table))
    return type(value) is str or isinstance(value, enum.Enum)


def _is_object(value: Any) -> bool:
    """Whether it is an object that an element may be, with attributes."""
    return is_plain_class(class_of(value)) and bool(attributes_of(value))


def is_dict(value: Any) -> bool:
    """Whether it is a dict that an element may be."""
    return type(value) in (dict, ElementDict) and bool(value) and all(type(key) is str for key in value)


def _is_record(value: Any) -> bool:
    if isinstance(value, Record) or is_dict(value):
        return True
    if isinstance(value, tuple):
        return type(value) is tuple or bool(field_names(type(value)))
    return hasattr(type(value), "_dyncc_parts") or _is_object(value)


def _parts(value: Any) -> tuple[Any, ...]:
    """Those of a record: the items of a tuple or a dict, what NumPy's array is made of, attributes."""
    if isinstance(value, Record):
        return value.parts
    if is_dict(value):
        return tuple(dict.values(value))
    if isinstance(value, tuple):
        return tuple(tuple.__iter__(value))
    return (
        value._dyncc_parts()
        if hasattr(type(value), "_dyncc_parts")
        else tuple(attributes_of(value).values())
    )


def common(values: Sequence[Any], *, part: bool = False) -> Element | None:
    """The form that all ``values`` have; a form may stand for a value of it. None where there is none.

    ``part``: they are parts of elements, of which some may be the same in all.
    """
    if not values:
        return None
    if all(isinstance(value, ListElement) or _is_leaf(value) for value in values):
        return _common_leaf(values)
    if all(map(_is_record, values)):
        return _common_record(values)
    values = [value.value if isinstance(value, Fixed) else value for value in values]
    if part and _is_atom(values[0]) and all(value is values[0] for value in values):
        return Fixed(values[0])
    if all(isinstance(value, Choice) or _is_text(value) for value in values):
        return _common_text(values, part)
    return None


def _common_text(values: Sequence[Any], part: bool) -> Element | None:
    tables = [value.table if isinstance(value, Choice | DynamicTag) else (value,) for value in values]
    table = tuple(dict.fromkeys(text for texts in tables for text in texts))
    if len(set(map(type, table))) != 1:
        return None
    known = not any(isinstance(value, Choice) or type(value) is DynamicTag for value in values)
    return Fixed(table[0]) if part and known and len(table) == 1 else Choice(table)


def _is_leaf(value: Any) -> bool:
    if isinstance(value, enum.Enum):
        return False
    return (
        isinstance(value, (torch.Tensor, DynamicList)) or type(value) is list or kind_of(value) is not None
    )


def _common_record(values: Sequence[Any]) -> Element | None:
    shapes = {_shape(value) for value in values}
    if len(shapes) != 1:
        return None
    cls, keys, _ = shapes.pop()
    columns = zip(*map(_parts, values), strict=True)
    parts = [common(column, part=True) for column in columns]
    return None if not parts or None in parts else Record(cls, tuple(parts), keys)  # type: ignore[arg-type]


def _shape(value: Any) -> tuple[type, tuple[str, ...], int]:
    """Of a record its class, the keys or names of its parts, and their number."""
    if isinstance(value, Record):
        return value.cls, value.keys, len(value.parts)
    if is_dict(value):
        return dict, tuple(value), len(value)
    if not isinstance(value, tuple) and not hasattr(type(value), "_dyncc_parts"):
        names = tuple(attributes_of(value))
        return class_of(value), names, len(names)
    return type(value), (), len(_parts(value))


def _common_leaf(values: Sequence[Any]) -> ListElement | None:
    types = [value.type if isinstance(value, ListElement) else _leaf_type(value) for value in values]
    known = [type_ for type_ in types if type_ is not None]  # an empty list says nothing
    made = known[0] if known else None
    for type_ in known[1:]:
        made = _joined(made, type_) if made is not None else None
    return None if made is None else ListElement(made)


def _leaf_type(value: Any) -> Any:
    kind = kind_of(value)
    if kind is not None:
        return ScalarType(kind)  # type: ignore[arg-type]
    if isinstance(value, torch.Tensor):
        fake = value.fake if isinstance(value, SymTensor) else value
        shape = tuple(size if isinstance(size, int) else f"d{axis}" for axis, size in enumerate(fake.shape))
        return TensorType(dtype_name(fake.dtype), shape)
    if isinstance(value, DynamicList):
        return ListType(value.element.type)
    inner = _common_leaf(value) if value else None
    return None if inner is None else ListType(inner.type)


def _joined(left: Any, right: Any) -> Any:
    """The type of which both are; None where there is none."""
    if isinstance(left, ListType) and isinstance(right, ListType):
        inner = _joined(left.element, right.element)
        return None if inner is None else ListType(inner)
    if isinstance(left, TensorType) and isinstance(right, TensorType):
        if left.dtype != right.dtype or len(left.shape) != len(right.shape):
            return None
        pairs = enumerate(zip(left.shape, right.shape, strict=True))
        return TensorType(left.dtype, tuple(a if a == b else f"d{axis}" for axis, (a, b) in pairs))
    return left if left == right else None


def uneven_part(values: Sequence[Any], name: str = "an element") -> str:
    """What keeps ``values`` from being of one form, in words; empty where they are of one. A form may stand
    for a value of it; ``name`` is that of the part that they are."""
    if not values or _common_part(values) is not None:
        return ""
    if all(map(_is_record, values)) and len({_shape(value) for value in values}) == 1:
        names = _shape(values[0])[1] or tuple(f"[{i}]" for i in range(len(_parts(values[0]))))
        columns = zip(*map(_parts, values), strict=True)
        found = (uneven_part(column, f"its `{part}`") for part, column in zip(names, columns, strict=True))
        return next(filter(None, found), "")
    kinds = dict.fromkeys(map(_described, values))
    return f"{name} is {' or '.join(list(kinds)[:3])}"


def _common_part(values: Sequence[Any]) -> Element | None:
    known = all(
        isinstance(value, ListElement | Fixed | Choice | Record) or is_element(value, 1) for value in values
    )
    return common(values, part=True) if known else None


def _described(value: Any) -> str:
    if isinstance(value, Fixed):
        value = value.value
    if value is None or kind_of(value) is not None:
        return kind_of(value) or "None"
    leaf = value.type if isinstance(value, ListElement) else _leaf_type(value) if _is_leaf(value) else None
    if isinstance(leaf, TensorType | ScalarType):
        return type_text(leaf)
    cls = (
        type(value.table[0])
        if isinstance(value, Choice)
        else _shape(value)[0]
        if _is_record(value)
        else None
    )
    return f"a {(cls or class_of(value)).__name__}"


def leaves(element: Element) -> Iterator[ListElement]:
    """The forms of the lists that are kept for a list of ``element``."""
    if isinstance(element, ListElement):
        yield element
    elif isinstance(element, Choice):
        yield ListElement(ScalarType("int"))
    elif isinstance(element, Record):
        for part in element.parts:
            yield from leaves(part)


class Mismatch(Exception):
    """A value is not of the form of a list's elements."""


def taken_apart(element: Element, value: Any) -> Iterator[Any]:
    """The parts of ``value`` that are kept, in the order of :func:`leaves`. Raises Mismatch."""
    if isinstance(element, ListElement):
        yield value
    elif isinstance(element, Fixed):
        if type(value) is not type(element.value) or value != element.value:
            raise Mismatch
    elif isinstance(element, Choice):
        yield _place_in(element.table, value)
    elif not _is_record(value) or _shape(value) != (element.cls, element.keys, len(element.parts)):
        raise Mismatch
    else:
        for part, item in zip(element.parts, _parts(value), strict=True):
            yield from taken_apart(part, item)


def _place_in(table: tuple[Any, ...], value: Any) -> Any:
    """The number of a text in a table. Raises Mismatch."""
    texts = value.table if type(value) is DynamicTag else (value,)
    if not _is_text(value) or not set(texts) <= set(table) or type(texts[0]) is not type(table[0]):
        raise Mismatch
    places = [table.index(text) for text in texts]
    if type(value) is not DynamicTag:
        return places[0]
    if places == list(range(len(places))):
        return value.scalar
    found = builder().host_leaf("lookup", [value.scalar.operand, *map(Const, places)], "int")
    found.origins = value.scalar.origins | frozenset((DATA,))
    return found


def put_together(element: Element, parts: Iterator[Any], origins: frozenset[Any] = frozenset()) -> Any:
    """The inverse of :func:`taken_apart`; ``origins`` are those of the list."""
    if isinstance(element, ListElement):
        return next(parts)
    if isinstance(element, Fixed):
        return element.value
    if isinstance(element, Choice):
        return DynamicTag(element.table, next(parts)) if len(element.table) > 1 else _only(element, parts)
    items = [put_together(part, parts, origins) for part in element.parts]
    if element.cls is dict:
        made = ElementDict(zip(element.keys, items, strict=True))
        made.origins = origins
        return made
    if element.keys:
        return copied_object(element.cls, dict(zip(element.keys, items, strict=True)), origins)
    remade = builder().recorder.remade
    remade[element.cls] = remade.get(element.cls, frozenset()) | origins
    return tuple_of(element.cls, items) if issubclass(element.cls, tuple) else element.cls(*items)


def _only(element: Choice, parts: Iterator[Any]) -> Any:
    next(parts)
    return element.table[0]


def mutable_in(value: Any) -> Iterator[Any]:
    """The dicts and objects that a value is, or that are among its parts, but for copies."""
    if _is_record(value):
        if not isinstance(value, tuple) and not hasattr(type(value), "_dyncc_parts") and not is_copy(value):
            yield value
        for part in _parts(value):
            yield from mutable_in(part)


def texts_of(element: Element | None) -> tuple[Any, ...]:
    """The tables and the texts that are not kept, in an element: what its columns are numbers for."""
    if isinstance(element, Record):
        return tuple(text for part in element.parts for text in texts_of(part))
    return () if element is None or isinstance(element, ListElement) else (element,)

"""The elements of lists of run-time length: of which form they are, taken apart and put together.

A list of numbers or tensors, or of lists of those, is one value of the host. A list of tuples is kept as
one such list for each part (a structure of arrays); parts that are the same text or None in all elements
are not kept at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from dyncc.compiler.specialize.recording.tensor_types import dtype_name
from dyncc.compiler.specialize.values import DynamicList, ListElement, SymTensor, kind_of
from dyncc.compiler.tuples import field_names, tuple_of
from dyncc.runtime.program import ListType, ScalarType, TensorType


@dataclass(frozen=True)
class Fixed:
    """A part that is the same in all elements: None or a text."""

    value: Any


@dataclass(frozen=True)
class Record:
    """A tuple, or a named one (``cls``), of parts; or an array of NumPy's, of its tensor."""

    cls: type
    parts: tuple[Element, ...]


Element: TypeAlias = "ListElement | Fixed | Record"


def is_element(value: Any, depth: int = 0) -> bool:
    """Whether a list of run-time length could have such an element."""
    if isinstance(value, torch.Tensor) or kind_of(value) is not None or isinstance(value, DynamicList):
        return True
    if type(value) is list:
        return all(isinstance(v, torch.Tensor) or kind_of(v) is not None for v in value)
    if _is_record(value):
        return all(is_element(part, depth + 1) for part in _parts(value))
    return depth > 0 and (value is None or type(value) is str)


def _is_record(value: Any) -> bool:
    if isinstance(value, tuple):
        return type(value) is tuple or bool(field_names(type(value)))
    return hasattr(type(value), "_dyncc_parts")


def _parts(value: Any) -> tuple[Any, ...]:
    """Those of a record: the items of a tuple, or what an array of NumPy's is made of."""
    return tuple(tuple.__iter__(value)) if isinstance(value, tuple) else value._dyncc_parts()


def common(values: Sequence[Any]) -> Element | None:
    """The form that all ``values`` have; a form may stand for a value of it. None where there is none."""
    if not values:
        return None
    if all(isinstance(value, ListElement) or _is_leaf(value) for value in values):
        return _common_leaf(values)
    if all(isinstance(value, Record) or _is_record(value) for value in values):
        return _common_record(values)
    first = values[0].value if isinstance(values[0], Fixed) else values[0]
    if (first is None or type(first) is str) and all(
        (value.value if isinstance(value, Fixed) else value) == first for value in values
    ):
        return Fixed(first)
    return None


def _is_leaf(value: Any) -> bool:
    return (
        isinstance(value, (torch.Tensor, DynamicList)) or type(value) is list or kind_of(value) is not None
    )


def _common_record(values: Sequence[Any]) -> Element | None:
    shapes = {(v.cls, len(v.parts)) if isinstance(v, Record) else (type(v), len(_parts(v))) for v in values}
    if len(shapes) != 1:
        return None
    cls, count = shapes.pop()
    columns = [
        [v.parts[i] if isinstance(v, Record) else _parts(v)[i] for v in values] for i in range(count)
    ]
    parts = [common(column) for column in columns]
    return None if not parts or None in parts else Record(cls, tuple(parts))  # type: ignore[arg-type]


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


def leaves(element: Element) -> Iterator[ListElement]:
    """The forms of the lists that are kept for a list of ``element``."""
    if isinstance(element, ListElement):
        yield element
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
    elif type(value) is not element.cls or len(_parts(value)) != len(element.parts):
        raise Mismatch
    else:
        for part, item in zip(element.parts, _parts(value), strict=True):
            yield from taken_apart(part, item)


def put_together(element: Element, parts: Iterator[Any]) -> Any:
    """The inverse of :func:`taken_apart`."""
    if isinstance(element, ListElement):
        return next(parts)
    if isinstance(element, Fixed):
        return element.value
    items = [put_together(part, parts) for part in element.parts]
    return tuple_of(element.cls, items) if issubclass(element.cls, tuple) else element.cls(*items)

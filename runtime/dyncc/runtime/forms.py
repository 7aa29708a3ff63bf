"""Forms: how one kind of thing is written as JSON and read back, both directions in one place.

A form's ``read`` takes the JSON path of what it reads and raises
:class:`~dyncc.runtime.errors.DamagedBundle` with it where the data is not what it must be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any, Generic, NoReturn, TypeVar

from dyncc.runtime.errors import DamagedBundle
from dyncc.runtime.records import defaults_of, frozen

T = TypeVar("T")


def fail(where: str, expected: str, got: object) -> NoReturn:
    """Raise DamagedBundle: at ``where``, ``got`` stands where ``expected`` should."""
    text = repr(got)
    raise DamagedBundle(
        f"{where}: expected {expected}, found {text if len(text) <= 60 else text[:57] + '...'}"
    )


@frozen
class Form(Generic[T]):
    """How one kind of thing is written and read. ``read`` takes the JSON path for its errors."""

    write: Callable[[T], Any]
    read: Callable[[object, str], T]


def _same(value: Any) -> Any:
    return value


def exactly(kind: type, name: str) -> Form[Any]:
    """A JSON value of exactly this Python type (a bool is no int here)."""

    def read(data: object, where: str) -> Any:
        return data if type(data) is kind else fail(where, name, data)

    return Form(_same, read)


def one_of(*allowed: str) -> Form[Any]:
    """One of a few strings."""

    def read(data: object, where: str) -> Any:
        return data if data in allowed else fail(where, " or ".join(map(repr, allowed)), data)

    return Form(_same, read)


def many(form: Form[Any]) -> Form[Any]:
    """A tuple, as a JSON array."""

    def read(data: object, where: str) -> Any:
        items = data if isinstance(data, list) else fail(where, "an array", data)
        return tuple(form.read(item, f"{where}[{index}]") for index, item in enumerate(items))

    return Form(lambda items: [form.write(item) for item in items], read)


def optional(form: Form[Any]) -> Form[Any]:
    """``None`` (``null``) or the form."""
    return Form(
        lambda value: None if value is None else form.write(value),
        lambda data, where: None if data is None else form.read(data, where),
    )


def lazy(form: Callable[[], Form[Any]]) -> Form[Any]:
    """A form that is defined further down (recursion)."""
    return Form(lambda value: form().write(value), lambda data, where: form().read(data, where))


def table(form: Form[Any]) -> Form[Any]:
    """A mapping from names, as a JSON object."""

    def read(data: object, where: str) -> Any:
        items = data if isinstance(data, dict) else fail(where, "an object", data)
        return {name: form.read(item, f"{where}.{name}") for name, item in items.items()}

    return Form(lambda items: {name: form.write(item) for name, item in items.items()}, read)


def record(cls: type[T], tag: str | None = None, /, **forms: Form[Any]) -> Form[T]:
    """A dataclass as a JSON object, one form a field; fields at their defaults are left out.

    ``tag`` is written as the field ``kind``, for :func:`union`.
    """
    defaults = defaults_of(cls)

    def write(value: Any) -> dict[str, Any]:
        out: dict[str, Any] = {} if tag is None else {"kind": tag}
        for name, form in forms.items():
            item = getattr(value, name)
            if (
                defaults[name] is MISSING
                or item != defaults[name]
                or type(item) is not type(defaults[name])
            ):
                out[name] = form.write(item)
        return out

    def read(data: object, where: str) -> Any:
        items = data if isinstance(data, dict) else fail(where, "an object", data)
        for name in items:
            if name not in forms and (name != "kind" or tag is None):
                raise DamagedBundle(f"{where}: unknown field {name!r} of a {cls.__name__}")
        values: dict[str, Any] = {}
        for name, form in forms.items():
            if name in items:
                values[name] = form.read(items[name], f"{where}.{name}")
            elif defaults[name] is MISSING:
                raise DamagedBundle(f"{where}: the field {name!r} of a {cls.__name__} is missing")
        return cls(**values)

    return Form(write, read)


def union(kinds: Mapping[str, tuple[type, Form[Any]]], what: str) -> Form[Any]:
    """One of several dataclasses, told apart by the field ``kind``."""
    writers = {cls: form.write for cls, form in kinds.values()}

    def read(data: object, where: str) -> Any:
        items = data if isinstance(data, dict) else fail(where, f"a {what}", data)
        kind = items.get("kind")
        if not isinstance(kind, str) or kind not in kinds:
            fail(f"{where}.kind", f"a kind of {what} ({', '.join(kinds)})", kind)
        return kinds[kind][1].read(data, where)

    return Form(lambda value: writers[type(value)](value), read)


# ------------------------------------------------------------------------------------------- leaves

STR = exactly(str, "a string")
BOOL = exactly(bool, "true or false")
INT = exactly(int, "an integer")


def _write_constant(value: Any) -> Any:
    if type(value) is not float:
        return value
    if not math.isfinite(value) or value.is_integer():
        return {"float": repr(value)}
    return value


def _read_constant(data: object, where: str) -> Any:
    if data is None or type(data) in (bool, int, str):
        return data
    if type(data) is float and math.isfinite(data):
        return data
    if isinstance(data, dict) and list(data) == ["float"] and isinstance(data["float"], str):
        try:
            return float(data["float"])
        except ValueError:
            pass
    fail(where, "null, a bool, a number or a string", data)


CONSTANT = Form(_write_constant, _read_constant)
"""``None``, bool, int, float (also nan, inf, -0.0) or str."""

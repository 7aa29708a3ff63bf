"""Results: walking the containers that a host returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dyncc.runtime.device import DeviceTensor


def is_array(value: Any) -> bool:
    """Whether ``value`` is a tensor inside of the runtime: an array, or a value on a device."""
    return isinstance(value, np.ndarray | DeviceTensor)


def map_arrays(value: Any, change: Callable[[Any], Any]) -> Any:
    """``value`` with ``change`` applied to every tensor.

    Containers are those that a host builds; they are made anew, but for objects, which are changed.
    """
    if is_array(value):
        return change(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        items = [map_arrays(item, change) for item in value]
        return tuple(items) if type(value) is tuple else tuple.__new__(type(value), items)
    if isinstance(value, list):
        return [map_arrays(item, change) for item in value]
    if isinstance(value, set):
        return {map_arrays(item, change) for item in value}
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = map_arrays(item, change)
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            object.__setattr__(value, field.name, map_arrays(getattr(value, field.name), change))
    return value


def array_leaves(value: Any) -> Iterator[Any]:
    """The tensors in nested tuples."""
    if is_array(value):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from array_leaves(item)

"""Arguments and results of calls as nested structures: their leaves, mapped and rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from dyncc.compiler.specialize.values import (
    is_scalar,
)
from dyncc.compiler.tuples import tuple_of


def map_leaves(value: Any, function: Callable[[Any], Any]) -> Any:
    if type(value) in (tuple, list):
        return type(value)(map_leaves(item, function) for item in value)
    if type(value) is dict:
        return {key: map_leaves(item, function) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(function(value.start), function(value.stop), function(value.step))
    return function(value)


def leaves_of(value: Any) -> Iterator[Any]:
    if isinstance(value, slice):
        yield from (value.start, value.stop, value.step)
    elif type(value) in (tuple, list, torch.Size) or (isinstance(value, tuple) and not is_scalar(value)):
        for item in value:
            yield from leaves_of(item)
    elif type(value) is dict:
        for item in value.values():
            yield from leaves_of(item)
    else:
        yield value


def has_tensor(value: Any) -> bool:
    return any(isinstance(leaf, torch.Tensor) for leaf in leaves_of(value))


def rebuild(template: Any, items: list[Any]) -> Any:
    return items if isinstance(template, list) else tuple_of(type(template), items)

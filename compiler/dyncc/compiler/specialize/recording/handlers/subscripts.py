"""``tensor[index]`` and its assignment, with dynamic numbers and 0-d tensors in the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.recording import indexing
from dyncc.compiler.specialize.recording.cells import fake_of, owner_of
from dyncc.compiler.specialize.recording.handlers.registry import FUNCTIONS, METHODS
from dyncc.compiler.specialize.values import (
    DynamicList,
    is_scalar,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def getitem(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor, index = owner_of(recorder, args[0]), _as_tensors(recorder, args[1], bytes_=True)
    if index is not args[1]:
        return recorder.call(func, (tensor, index), {})
    split = indexing.normalize(recorder, tensor, index)
    if split is None:
        return NotImplemented
    tensor, rest = split
    return recorder.record(func, (tensor, rest), {}) if rest else tensor


def _setitem(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor, index, value = owner_of(recorder, args[0]), _as_tensors(recorder, args[1]), args[2]
    if is_scalar(value):
        value = indexing.weak_tensor(recorder, value, [tensor], [value])
    split = indexing.normalize(recorder, tensor, index)
    if split is None:
        recorder.record(func, (tensor, index, value), {})
        return None
    view, rest = split
    recorder.record(func, (view, rest if rest else Ellipsis, value), {})
    return None


def _as_tensors(recorder: Recorder, index: Any, *, bytes_: bool = False) -> Any:
    """An index in which lists of numbers that are not known are tensors, as PyTorch makes of them.

    ``bytes_``: and tensors of bytes are masks, as they were before there was bool (to read:
    PyTorch does not write by them).

    (A list with tensors or lists in it is a tuple to PyTorch, or an error.)
    """
    if type(index) is tuple:
        items = [i if type(i) is tuple else _as_tensors(recorder, i, bytes_=bytes_) for i in index]
        same = all(item is given for item, given in zip(items, index, strict=True))
        return index if same else tuple(items)
    if bytes_ and isinstance(index, torch.Tensor) and fake_of(recorder, index).dtype is torch.uint8:
        return recorder.call(torch.Tensor.bool, (index,), {})
    if isinstance(index, DynamicList):
        kind = getattr(index.element.type, "kind", "")
        dtype = {"int": torch.int64, "bool": torch.bool}.get(kind)
        return index if dtype is None else recorder.call(torch.tensor, (index,), {"dtype": dtype})
    plain = type(index) is list and all(is_scalar(item) or isinstance(item, int) for item in index)
    if plain and any(map(is_scalar, index)):
        return recorder.call(torch.tensor, (index,), {})
    return index


METHODS["__getitem__"] = getitem
METHODS["__setitem__"] = _setitem


def _masked_select(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``tensor[mask]`` of both in one shape: so it is known to be as long as with the same mask again."""
    if kwargs or len(args) != 2:
        return NotImplemented
    one, other = (fake_of(recorder, value) for value in args)
    if other.dtype is not torch.bool:
        return NotImplemented
    if tuple(one.shape) != tuple(other.shape):
        args = recorder.call(torch.broadcast_tensors, args, {})
    return recorder.call(torch.Tensor.__getitem__, tuple(args), {})


METHODS["masked_select"] = _masked_select
FUNCTIONS[torch.masked_select] = _masked_select

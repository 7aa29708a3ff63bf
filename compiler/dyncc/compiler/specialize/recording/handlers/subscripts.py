"""``tensor[index]`` and its assignment, with dynamic numbers and 0-d tensors in the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize.recording import indexing
from dyncc.compiler.specialize.recording.cells import owner_of
from dyncc.compiler.specialize.recording.handlers.registry import METHODS
from dyncc.compiler.specialize.values import (
    is_scalar,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def _getitem(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor, index = owner_of(recorder, args[0]), args[1]
    split = indexing.normalize(recorder, tensor, index)
    if split is None:
        return NotImplemented
    tensor, rest = split
    return recorder.record(func, (tensor, rest), {}) if rest else tensor


def _setitem(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor, index, value = owner_of(recorder, args[0]), args[1], args[2]
    if is_scalar(value):
        value = indexing.weak_tensor(recorder, value, [tensor], [value])
    split = indexing.normalize(recorder, tensor, index)
    if split is None:
        recorder.record(func, (tensor, index, value), {})
        return None
    view, rest = split
    recorder.record(func, (view, rest if rest else Ellipsis, value), {})
    return None


METHODS["__getitem__"] = _getitem
METHODS["__setitem__"] = _setitem

"""``torch.unique_consecutive`` along the only axis of a tensor: as without an axis, which engines have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.recording.cells import fake_of
from dyncc.compiler.specialize.recording.handlers.registry import FUNCTIONS

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def _unique_consecutive(
    recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if kwargs.get("dim") not in (0, -1) or fake_of(recorder, args[0]).dim() != 1:
        return NotImplemented
    return recorder.call(func, args, {**kwargs, "dim": None})


FUNCTIONS[torch.unique_consecutive] = FUNCTIONS[torch.Tensor.unique_consecutive] = _unique_consecutive

"""What a tensor of the program is at present: itself, or the cell of a weight that calls change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.values import (
    SymTensor,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def fake_of(recorder: Recorder, tensor: Any) -> torch.Tensor:
    if isinstance(tensor, SymTensor):
        return tensor.fake
    cell = recorder.cell_of(tensor)
    return cell.fake if cell is not None else tensor


def owner_of(recorder: Recorder, tensor: Any) -> Any:
    cell = None if isinstance(tensor, SymTensor) else recorder.cell_of(tensor)
    return tensor if cell is None else cell

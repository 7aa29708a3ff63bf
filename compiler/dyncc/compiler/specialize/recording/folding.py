"""Constant folding: what a call gives on real tensors, where all of its tensors are small constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.recording.nested import leaves_of, map_leaves
from dyncc.compiler.specialize.values import SymTensor, is_scalar

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


CONSTANT_LIMIT = 4096
"""Tensors of up to this many elements that depend on constants alone are also computed at compile time."""


def fold(
    recorder: Recorder, func: Any, args: Any, kwargs: Any, lifted: list[tuple[Any, Any]], mutates: bool
) -> Any:
    """The call's result on real tensors, where all of its tensors are small constants."""
    if mutates or any(is_scalar(v) for v in leaves_of((args, kwargs))):
        return None
    for owner, _ in lifted:
        real = owner.constant if isinstance(owner, SymTensor) else owner
        if real is None or real.numel() > CONSTANT_LIMIT or real.is_meta:
            return None
    try:
        recorder.folding = True
        with torch.no_grad():
            result = func(*map_leaves(args, _real), **map_leaves(kwargs, _real))
    except Exception:
        return None
    finally:
        recorder.folding = False
    leaves = [leaf for leaf in leaves_of(result) if isinstance(leaf, torch.Tensor)]
    if any(leaf.numel() > CONSTANT_LIMIT for leaf in leaves):
        return None
    return result


def _real(value: Any) -> Any:
    return value.constant if isinstance(value, SymTensor) else value

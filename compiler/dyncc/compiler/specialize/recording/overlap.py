"""Writes into memory that overlaps: PyTorch refuses some of them, which fake tensors do not notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from dyncc.compiler.specialize.recording.nested import leaves_of, map_leaves
from dyncc.compiler.specialize.recording.tensor_types import storage_key

_LARGEST = 40_000_000
"""Bytes of memory that is made to see what PyTorch says."""


def check_overlap(
    func: Callable[..., Any], args: Any, kwargs: Any, written: Sequence[torch.Tensor]
) -> None:
    """Raise what PyTorch raises where ``func`` writes into the fake tensors ``written``.

    The call is tried on real tensors that lie in memory as those do. Where a size is not known, or the
    memory is large, nothing is tried.
    """
    tensors = [value for value in leaves_of((args, kwargs)) if isinstance(value, torch.Tensor)]
    if not any(_overlaps(one, tensors) for one in written) or not all(map(_is_small, tensors)):
        return
    memory: dict[int, torch.UntypedStorage] = {}

    def real(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        key = storage_key(value)
        if key not in memory:
            memory[key] = torch.UntypedStorage(value.untyped_storage().nbytes()).fill_(0)
        made = torch.empty(0, dtype=value.dtype)
        return made.set_(memory[key], value.storage_offset(), value.shape, value.stride())

    try:
        with torch._C.DisableTorchFunction(), torch.no_grad():
            func(*map_leaves(args, real), **map_leaves(kwargs, real))
    except RuntimeError as error:
        if "a single memory location" in str(error):
            raise RuntimeError(str(error)) from None
    except Exception:
        return  # of zeros it is another call


def _overlaps(written: torch.Tensor, tensors: Sequence[torch.Tensor]) -> bool:
    if any(step == 0 and size != 1 for step, size in zip(written.stride(), written.shape, strict=True)):
        return True
    key = storage_key(written)
    return any(storage_key(other) == key and _place(other) != _place(written) for other in tensors)


def _place(tensor: torch.Tensor) -> tuple[Any, ...]:
    return tensor.storage_offset(), tuple(tensor.shape), tensor.stride()


def _is_small(tensor: torch.Tensor) -> bool:
    bounds = (*tensor.shape, *tensor.stride(), tensor.storage_offset(), tensor.untyped_storage().nbytes())
    return all(isinstance(bound, int) for bound in bounds) and bounds[-1] <= _LARGEST

"""Types of tensors: dtypes, shapes and strides between PyTorch and the program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from dyncc.runtime.program import (
    TensorType,
)

if TYPE_CHECKING:
    pass


SCALAR_DTYPES = {"int": torch.int64, "float": torch.float64, "bool": torch.bool}


@dataclass(frozen=True)
class TensorSpec:
    """The type of a tensor that enters a block: sizes are numbers or names of symbols."""

    dtype: torch.dtype
    shape: tuple[int | str, ...]
    stride: tuple[int, ...] | None = None
    """None where contiguous; otherwise the order of the dimensions from outermost to innermost."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def type(self) -> TensorType:
        return TensorType(dtype_name(self.dtype), self.shape)


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def number_kind(dtype: torch.dtype) -> str:
    """The Python type that ``item()`` of a tensor of ``dtype`` has."""
    if dtype is torch.bool:
        return "bool"
    return "float" if dtype.is_floating_point else "int"


def contiguous_strides(shape: Sequence[Any]) -> tuple[Any, ...]:
    strides: list[Any] = []
    step: Any = 1
    for size in reversed(shape):
        strides.append(step)
        step = step * size
    return tuple(reversed(strides))


def storage_key(tensor: torch.Tensor) -> int:
    """Identity of the memory behind a fake tensor."""
    return tensor.untyped_storage()._cdata


def memory_kind(fake: torch.Tensor) -> tuple[torch.dtype, int]:
    """The dtype and the bytes of a fake tensor's memory; -1 where these are not known."""
    size = fake.untyped_storage().nbytes()
    return fake.dtype, size if isinstance(size, int) else -1

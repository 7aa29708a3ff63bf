"""The calls that are timed, in a form that all processes read, with torch or without.

A tensor is packed as its bytes and its dtype's name, so that a process without torch can read it.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Packed:
    """A tensor: ``array``, whose bits are those of ``dtype`` (bfloat16 is kept as uint16)."""

    array: np.ndarray[Any, Any]
    dtype: str


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of a call; tensors are :class:`Packed`."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


def pack(value: Any) -> Any:
    """``value`` with every tensor packed. Imports torch only where a tensor is of torch."""
    if isinstance(value, np.ndarray):
        return Packed(value, value.dtype.name)
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        import torch

        tensor = value.detach().cpu().contiguous()
        name = str(tensor.dtype).removeprefix("torch.")
        array = tensor.view(torch.uint16).numpy() if name == "bfloat16" else tensor.numpy()
        return Packed(array.copy(), name)
    return _mapped(pack, value)


def for_torch(value: Any) -> Any:
    """``value`` with torch tensors, of memory of their own."""
    if not isinstance(value, Packed):
        return _mapped(for_torch, value)
    import torch

    tensor = torch.from_numpy(value.array.copy())
    return tensor.view(torch.bfloat16) if value.dtype == "bfloat16" else tensor


def for_numpy(value: Any) -> Any:
    """``value`` with arrays, of memory of their own (bfloat16 needs ``ml_dtypes``)."""
    if not isinstance(value, Packed):
        return _mapped(for_numpy, value)
    array = value.array.copy()
    if value.dtype != "bfloat16":
        return array
    import ml_dtypes

    return array.view(ml_dtypes.bfloat16)


def _mapped(convert: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, dict):
        return {key: convert(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(convert, value))
    if isinstance(value, list | tuple):
        return type(value)(map(convert, value))
    return value


def write_calls(file: Path, calls: Sequence[Call]) -> None:
    """For the processes of the same run; nothing else ever reads the file."""
    file.write_bytes(pickle.dumps(list(calls)))


def read_calls(file: Path) -> list[Call]:
    """What :func:`write_calls` wrote."""
    calls: list[Call] = pickle.loads(file.read_bytes())
    return calls


def leaves(value: Any) -> list[Any]:
    """What a result consists of, in order: arrays (tensors as arrays), numbers, texts, None."""
    if isinstance(value, Mapping):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in leaves(item)]
    if isinstance(value, set | frozenset):
        return [leaf for item in sorted(value, key=repr) for leaf in leaves(item)]
    if hasattr(value, "__dataclass_fields__"):
        return [leaf for name in value.__dataclass_fields__ for leaf in leaves(getattr(value, name))]
    packed = pack(value)
    return (
        [packed.array if packed.dtype != "bfloat16" else _widened(packed.array)]
        if isinstance(packed, Packed)
        else [value]
    )


def _widened(bits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """bfloat16, given as uint16, as float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)

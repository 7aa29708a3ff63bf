"""Values that NumPy has no word for: bfloat16, and lists of lists."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from dyncc.runtime.device import DeviceTensor


class BFloat16Array(np.ndarray):
    """An array of uint16 whose bits are bfloat16 numbers (NumPy has no such dtype)."""


class NumPyArray(np.ndarray):
    """An array that is NumPy's in PyTorch, too: the program returns one, not a tensor."""


def numpy_array(array: Any) -> Any:
    """Mark what PyTorch gives as an array of NumPy's."""
    return np.asarray(array).view(NumPyArray)


def numpy_number(array: Any) -> Any:
    """A number of NumPy's: ``numpy.float32`` and the like."""
    return np.asarray(array).view(np.ndarray)[()]


def bfloat16(array: Any) -> Any:
    """Mark an array of uint16 as one of bfloat16 numbers; a list of such arrays likewise."""
    if isinstance(array, tuple | list):
        return [bfloat16(item) for item in array]
    if type(array) is DeviceTensor:
        return array  # which knows its dtype
    return np.asarray(array).view(BFloat16Array)


def widen_bfloat16(array: Any) -> np.ndarray:
    """bfloat16 numbers (as uint16) as float32, exactly."""
    return (np.asarray(array).view(np.ndarray).astype(np.uint32) << 16).view(np.float32)


def narrow_to_bfloat16(array: Any) -> np.ndarray:
    """float32 numbers as bfloat16 (as uint16), rounded to nearest, ties to even; nan stays nan."""
    bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32)
    rounded = ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(np.uint16)
    return np.where(np.isnan(array), np.uint16(0x7FC0), rounded)


def item_bfloat16(array: Any) -> float:
    """The number in a bfloat16 tensor of one element."""
    return widen_bfloat16(array).item()


def bfloat16_of_numbers(items: tuple[float, ...]) -> np.ndarray:
    """``torch.tensor(items, dtype=torch.bfloat16)``."""
    return narrow_to_bfloat16(np.array(items, np.float32).reshape(len(items)))


def nested_list(items: tuple[Any, ...]) -> list[Any]:
    """A list of lists, from the tuples that lists are inside of the host."""
    return [nested_list(item) if isinstance(item, tuple) else item for item in items]


def public_bfloat16(array: np.ndarray) -> np.ndarray:
    """A marked array as ``ml_dtypes.bfloat16`` where the process has that module, else as uint16."""
    ml_dtypes = sys.modules.get("ml_dtypes")
    plain = array.view(np.ndarray)
    return plain if ml_dtypes is None else plain.view(ml_dtypes.bfloat16)

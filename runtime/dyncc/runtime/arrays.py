"""Arrays in and out: NumPy, torch (told by its looks, never imported) and whatever speaks DLPack.

An array is taken without a copy wherever its memory allows. Inside, every tensor is a C-contiguous array
of native byte order; bfloat16 is uint16 (see :mod:`dyncc.runtime.values`).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from dyncc.runtime.errors import InputError
from dyncc.runtime.values import BFloat16Array, NumPyArray, public_bfloat16


def is_torch(value: Any) -> bool:
    """Whether ``value`` is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_tensor(value: Any) -> bool:
    """Whether ``value`` is some library's tensor."""
    return isinstance(value, np.ndarray) or hasattr(value, "__dlpack__")


def dtype_of(value: Any) -> str:
    """NumPy's name of a tensor's dtype, whatever library it is from (``bfloat16`` besides)."""
    if type(value) is BFloat16Array:
        return "bfloat16"
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.newbyteorder("=").name
    return str(getattr(value, "dtype", "")).rpartition(".")[2]


def as_array(value: Any, where: str, fetch: bool = False) -> np.ndarray:
    """``value``, a tensor, as an array that shares its memory if possible. ``where`` names it in errors.

    A tensor on a device is refused, or with ``fetch`` copied from there.
    """
    if isinstance(value, np.ndarray):
        array = value
    elif is_torch(value):
        array = _from_torch(value, where, fetch)
    else:
        array = _from_dlpack(value, where)
    if array.dtype.name == "bfloat16":
        array = array.view(np.uint16)
    return array


def ready(array: np.ndarray) -> np.ndarray:
    """The array as engines want it: contiguous, native byte order, plain ndarray."""
    if type(array) is np.ndarray and array.flags.c_contiguous and array.dtype.isnative:
        return array
    shape = array.shape
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return array.view(np.ndarray).reshape(shape)  # ascontiguousarray turns 0-d into 1-d


def _from_torch(tensor: Any, where: str, fetch: bool) -> np.ndarray:
    torch = sys.modules["torch"]
    if tensor.requires_grad and torch.is_grad_enabled():
        raise InputError(
            f"{where} requires a gradient, and a compiled program computes none: "
            "call it under torch.no_grad() or pass it detached (x.detach())"
        )
    if tensor.device.type != "cpu":
        if not fetch or tensor.device.type == "meta":
            raise InputError(f"{where} is on {tensor.device}, the program runs on the CPU: pass x.cpu()")
        tensor = tensor.cpu()
    if tensor.layout is not torch.strided:
        raise InputError(
            f"{where} is a {tensor.layout} tensor, the program takes dense ones: pass x.to_dense()"
        )
    tensor = tensor.detach().resolve_conj().resolve_neg()
    if tensor.dtype is torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(np.uint16)
    try:
        return tensor.numpy()
    except (TypeError, RuntimeError) as error:
        raise InputError(f"{where} cannot be read as an array: {error}") from error


def _from_dlpack(value: Any, where: str) -> np.ndarray:
    try:
        return np.from_dlpack(value)
    except (BufferError, TypeError, RuntimeError, ValueError) as error:
        raise InputError(f"{where} cannot be read through DLPack without a copy: {error}") from error


def to_public(array: Any, device: Any) -> Any:
    """An array of the program as the caller gets it: NumPy's, or torch's on ``device`` where that is given.

    A torch tensor on the CPU shares the array's memory.
    """
    if type(array) is NumPyArray:
        return array.view(np.ndarray)
    marked = type(array) is BFloat16Array
    if device is None:
        return public_bfloat16(array) if marked else array
    torch = sys.modules["torch"]
    if not array.flags.writeable:
        array = array.copy()
    if marked:
        array = np.asarray(array).view(np.ndarray).view(np.int16)
    tensor = torch.from_numpy(array).to(device)
    return tensor.view(torch.bfloat16) if marked else tensor


def overlap(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays share memory (true where that is too hard to decide)."""
    if not np.may_share_memory(one, other):
        return False
    try:
        return np.shares_memory(one, other, max_work=10_000)  # pyright: ignore[reportArgumentType]
    except np.exceptions.TooHardError:
        return True


def self_overlapping(array: np.ndarray) -> bool:
    """Whether two elements of ``array`` share memory (an expanded tensor)."""
    return any(size > 1 and stride == 0 for size, stride in zip(array.shape, array.strides, strict=True))

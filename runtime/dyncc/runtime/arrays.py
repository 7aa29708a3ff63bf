"""Arrays in and out: NumPy, torch (told by its looks, never imported) and whatever speaks DLPack.

An array is taken without a copy wherever its memory allows. Inside, every tensor is a C-contiguous array
of native byte order; bfloat16 is uint16 (see :mod:`dyncc.runtime.values`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from dyncc.runtime.device import DeviceTensor, Memory, torch_stream
from dyncc.runtime.errors import InputError
from dyncc.runtime.values import BFloat16Array, NumPyArray, bfloat16, public_bfloat16


def is_torch(value: Any) -> bool:
    """Whether ``value`` is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_tensor(value: Any) -> bool:
    """Whether ``value`` is some library's tensor."""
    return isinstance(value, np.ndarray) or hasattr(value, "__dlpack__")


def dtype_of(value: Any) -> str:
    """NumPy's name of a tensor's dtype, whatever library it is from (``bfloat16`` besides)."""
    if type(value) is DeviceTensor:
        return value.dtype
    if type(value) is BFloat16Array:
        return "bfloat16"
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.newbyteorder("=").name
    return str(getattr(value, "dtype", "")).rpartition(".")[2]


Adopt = Callable[[Any, str], DeviceTensor | None]
"""Takes a tensor of the program's device as it is, an array as a copy there; None for what is elsewhere.
The second argument is the dtype."""


def as_input(value: Any, where: str, adopt: Adopt | None) -> np.ndarray | DeviceTensor:
    """``value``, a tensor, in its own memory: of the program's device if it is there, else an array."""
    if adopt is not None and not isinstance(value, np.ndarray):
        if is_torch(value):
            _check_torch(value, where)
        on_device = adopt(value, dtype_of(value))
        if on_device is not None:
            return on_device
    return as_array(value, where)


def as_array(value: Any, where: str) -> np.ndarray:
    """``value``, a tensor, as an array that shares its memory if possible. ``where`` names it in errors."""
    if isinstance(value, np.ndarray):
        array = value
    elif is_torch(value):
        array = _from_torch(value, where)
    else:
        array = _from_dlpack(value, where)
    if array.dtype.name == "bfloat16":
        array = array.view(np.uint16)
    return array


def ready(array: Any) -> Any:
    """The array as engines want it: contiguous, native byte order, plain ndarray."""
    if type(array) is DeviceTensor:
        return array
    if type(array) is np.ndarray and array.flags.c_contiguous and array.dtype.isnative:
        return array
    shape = array.shape
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return array.view(np.ndarray).reshape(shape)  # ascontiguousarray turns 0-d into 1-d


def _check_torch(tensor: Any, where: str) -> None:
    """Raise InputError for a tensor that is no plain data."""
    torch = sys.modules["torch"]
    if tensor.requires_grad and torch.is_grad_enabled():
        raise InputError(
            f"{where} requires a gradient, and a compiled program computes none: "
            "call it under torch.no_grad() or pass it detached (x.detach())"
        )
    if tensor.layout is not torch.strided:
        raise InputError(
            f"{where} is a {tensor.layout} tensor, the program takes dense ones: pass x.to_dense()"
        )


def _from_torch(tensor: Any, where: str) -> np.ndarray:
    torch = sys.modules["torch"]
    _check_torch(tensor, where)
    if tensor.device.type != "cpu":
        raise InputError(f"{where} is on {tensor.device}, where the program does not run: pass x.cpu()")
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

    A torch tensor shares the array's memory where that is on ``device``.
    """
    if type(array) is DeviceTensor:
        memory = array.memory
        if _is_on(device, memory):
            return _to_torch(array, device)
        array = bfloat16(np.asarray(array)) if array.dtype == "bfloat16" else np.asarray(array)
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


def _to_torch(tensor: DeviceTensor, device: Any) -> Any:
    torch = sys.modules["torch"]
    shared = torch.as_tensor(tensor, device=device)
    if stream := torch_stream(tensor.memory):
        tensor.memory.before(stream)
    return shared.view(torch.bfloat16) if tensor.dtype == "bfloat16" else shared


def overlap(one: Any, other: Any) -> bool:
    """Whether two tensors share memory (true where that is too hard to decide)."""
    if type(one) is DeviceTensor or type(other) is DeviceTensor:
        return type(one) is type(other) and (
            one.address < other.address + other.nbytes and other.address < one.address + one.nbytes
        )
    if not np.may_share_memory(one, other):
        return False
    try:
        return np.shares_memory(one, other, max_work=10_000)  # pyright: ignore[reportArgumentType]
    except np.exceptions.TooHardError:
        return True


def _is_on(device: Any, memory: Memory) -> bool:
    """Whether PyTorch's ``device`` (or the name of one) is that of ``memory``."""
    return getattr(device, "type", None) == memory.name and device.index == memory.index


def assign(target: Any, value: Any) -> None:
    """Write a tensor of the program into the caller's memory."""
    if type(target) is not DeviceTensor:
        target[...] = np.asarray(value)
        return
    with target.memory.lock:
        if type(value) is DeviceTensor:
            target.memory.copy(target.address, value.address, target.nbytes)
        else:
            target.memory.copy_in(target.address, ready(np.asarray(value)))
        target.memory.before(torch_stream(target.memory))


def writable(array: Any) -> bool:
    """Whether a tensor may be written to (DLPack and CUDA's array interface do not say)."""
    return type(array) is DeviceTensor or array.flags.writeable


def self_overlapping(array: Any) -> bool:
    """Whether two elements of ``array`` share memory (an expanded tensor)."""
    if type(array) is DeviceTensor:
        return False  # those are contiguous
    return any(size > 1 and stride == 0 for size, stride in zip(array.shape, array.strides, strict=True))

"""Tensors in a device's memory, which blocks give each other and the host never reads but for decisions.

What a device must be able to do is :class:`Memory`; :mod:`dyncc.runtime.cuda` is the one that does. All its
work is done in one order (a CUDA stream), so that no step waits for another unless the host reads.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np


class Memory(Protocol):
    """A device's memory. Addresses are numbers; every step comes after those before it."""

    name: str
    """As ONNX Runtime and PyTorch call the device's kind: ``cuda``."""
    index: int
    stream: int
    """What the device knows the order by."""
    lock: threading.RLock
    """Held while an address is used: tensors may be moved by other threads."""

    def allocate(self, nbytes: int) -> Allocation:
        """So many bytes (at least one). Raises EngineError where there are no more."""
        ...

    def copy_in(self, address: int, array: np.ndarray) -> None:
        """From the host; the array may change as soon as this returns."""
        ...

    def copy_out(self, array: np.ndarray, address: int) -> None:
        """To the host; waits for everything before it. Raises EngineError for what failed there."""
        ...

    def copy(self, to: int, of: int, nbytes: int) -> None:
        """Within the device."""
        ...

    def copy_rows(self, to: int, pitch: int, of: int, width: int, rows: int) -> None:
        """Within the device: rows of ``width`` bytes, which lie together at ``of`` and ``pitch`` bytes
        apart at ``to``."""
        ...

    def after(self, stream: int) -> None:
        """What follows here comes after what another library has in its ``stream`` now."""
        ...

    def before(self, stream: int) -> None:
        """What another library puts into its ``stream`` next comes after everything here; it may read there
        what it was given until :meth:`after_readers`."""
        ...

    def after_readers(self) -> None:
        """What follows here comes after what other libraries do now with what they were given: for memory
        that they let go of while they still read it."""
        ...


class Allocation(Protocol):
    """Memory that is free again when nobody holds this any more."""

    address: int
    exported: bool
    """Whether another library was given it, and may still read it when it has let go of it."""


class DeviceTensor:
    """A tensor in a device's memory. Its contents do not change.

    ``owner`` keeps the memory. ``fixed``: it is in memory that is used again and again, and will be moved
    from there (:meth:`move`) if that is needed while somebody holds it.
    """

    __slots__ = ("__weakref__", "address", "dtype", "exported", "fixed", "memory", "owner", "shape")

    def __init__(
        self,
        memory: Memory,
        address: int,
        dtype: str,
        shape: tuple[int, ...],
        owner: Any,
        *,
        fixed: bool = False,
    ) -> None:
        self.memory = memory
        self.address = address
        self.dtype = dtype
        self.shape = shape
        self.owner = owner
        self.fixed = fixed
        self.exported = False
        """Whether another library knows the address: then the tensor can no longer be moved."""

    @property
    def nbytes(self) -> int:
        """Bytes of its elements."""
        return bytes_of(self.dtype, self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """A copy on the host; bfloat16 as uint16."""
        array = np.empty(self.shape, numpy_dtype(self.dtype))
        if array.nbytes:
            with self.memory.lock:
                self.memory.copy_out(array, self.address)
        return array if dtype is None else array.astype(dtype)

    def item(self) -> bool | int | float:
        """The number in a tensor of one element."""
        return self.__array__().item()

    def move(self, to: Allocation | None = None, *, fixed: bool = False) -> None:
        """To other memory, or to memory of its own."""
        with self.memory.lock:
            allocation = to or self.memory.allocate(self.nbytes)
            self.memory.copy(allocation.address, self.address, self.nbytes)
            self.address, self.owner, self.fixed = allocation.address, allocation, fixed

    def alias(self) -> DeviceTensor:
        """The same memory under another name, which stays there when this one is moved."""
        return DeviceTensor(self.memory, self.address, self.dtype, self.shape, self.owner)

    def copy(self) -> DeviceTensor:
        """The same in memory of its own."""
        with self.memory.lock:
            allocation = self.memory.allocate(self.nbytes)
            self.memory.copy(allocation.address, self.address, self.nbytes)
        return DeviceTensor(self.memory, allocation.address, self.dtype, self.shape, allocation)

    def export(self) -> None:
        """Note that another library will know the address."""
        with self.memory.lock:
            self.exported = True
            if hasattr(self.owner, "exported"):
                self.owner.exported = True

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """As CuPy, Numba and PyTorch take it, without a copy (bfloat16 as uint16)."""
        if self.memory.name != "cuda":
            raise AttributeError("__cuda_array_interface__")
        self.export()
        self.memory.before(0)  # the stream in which whoever asks works, unless it says otherwise
        return {
            "shape": self.shape,
            "typestr": np.dtype(numpy_dtype(self.dtype)).str,
            "data": (self.address if self.nbytes else 0, False),
            "version": 3,
            "strides": None,
            "stream": self.memory.stream,
        }

    def __repr__(self) -> str:
        return f"<{self.dtype}{list(self.shape)} on {self.memory.name}:{self.memory.index}>"


def torch_stream(memory: Memory) -> int:
    """The stream into which PyTorch puts its work now (0: CUDA's default one, or it is not loaded)."""
    torch = sys.modules.get("torch")
    return 0 if torch is None else int(torch.cuda.current_stream(memory.index).cuda_stream)


def numpy_dtype(dtype: str) -> np.dtype[Any]:
    """The dtype of the array that a tensor becomes on the host."""
    return np.dtype("uint16" if dtype == "bfloat16" else dtype)


def bytes_of(dtype: str, shape: Sequence[int]) -> int:
    """Bytes of a tensor."""
    return math.prod(shape) * numpy_dtype(dtype).itemsize


def joined(items: Sequence[Any], axis: int, *, new: bool) -> DeviceTensor | None:
    """``stack`` (``new``) or ``cat`` of tensors on one device; None where that has to be done elsewhere.

    They are of one dtype, and of shapes that fit each other, or NumPy has to say that they do not.
    """
    if not all(type(item) is DeviceTensor for item in items):
        return None
    first: DeviceTensor = items[0]
    rank = len(first.shape) + new
    if any(item.dtype != first.dtype for item in items) or not -rank <= axis < rank:
        return None
    axis %= rank
    rests = {(*item.shape[:axis], *item.shape[axis + (not new) :], len(item.shape)) for item in items}
    if len(rests) > 1:
        return None
    along = len(items) if new else sum(item.shape[axis] for item in items)
    shape = (*first.shape[:axis], along, *first.shape[axis + (not new) :])
    memory = first.memory
    allocation = memory.allocate(bytes_of(first.dtype, shape))
    rows, pitch = math.prod(shape[:axis]), bytes_of(first.dtype, shape[axis:])
    offset = 0
    with memory.lock:
        for item in items:
            width = bytes_of(item.dtype, item.shape[axis:])
            if width and rows:
                memory.copy_rows(allocation.address + offset, pitch, item.address, width, rows)
            offset += width
    return DeviceTensor(memory, allocation.address, first.dtype, shape, allocation)

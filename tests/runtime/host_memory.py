"""The host's own memory as if it were a device's: what the CUDA engine does, where there is no CUDA."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np

from dyncc.runtime.engine import Setup
from dyncc.runtime.engine_cuda import OnnxRuntimeCuda


class Bytes:
    """Memory that is overwritten when it is given back, so that whoever still reads it is found out."""

    def __init__(self, memory: HostMemory, nbytes: int) -> None:
        self.array = np.full(nbytes + 64, 0xA5, np.uint8)
        self.address = -(-self.array.ctypes.data // 64) * 64
        self.memory = memory
        self.exported = False
        memory.allocated += 1

    def __del__(self) -> None:
        self.array[:] = 0xA5
        self.memory.allocated -= 1


class HostMemory:
    """A :class:`dyncc.runtime.device.Memory`; ``log`` holds the names of the steps."""

    name = "cpu"
    index = 0
    stream = 0

    def __init__(self) -> None:
        self.log: list[str] = []
        self.allocated = 0
        self.lock = threading.RLock()

    def allocate(self, nbytes: int) -> Any:
        return Bytes(self, max(nbytes, 1))

    def copy_in(self, address: int, array: np.ndarray) -> None:
        self.log.append("in")
        ctypes.memmove(address, array.ctypes.data, array.nbytes)

    def copy_out(self, array: np.ndarray, address: int) -> None:
        self.log.append("out")
        ctypes.memmove(array.ctypes.data, address, array.nbytes)

    def copy(self, to: int, of: int, nbytes: int) -> None:
        self.log.append("copy")
        ctypes.memmove(to, of, nbytes)

    def copy_rows(self, to: int, pitch: int, of: int, width: int, rows: int) -> None:
        self.log.append("rows")
        for row in range(rows):
            ctypes.memmove(to + row * pitch, of + row * width, width)

    def after(self, stream: int) -> None:
        self.log.append("after")

    def before(self, stream: int) -> None:
        self.log.append("before")

    def after_readers(self) -> None:
        self.log.append("after readers")


def host_engine(memory: HostMemory | None = None) -> OnnxRuntimeCuda:
    """The CUDA engine on the host's memory: bound addresses and slots as on a device, nothing captured."""
    return OnnxRuntimeCuda(Setup(device="cuda"), memory or HostMemory())

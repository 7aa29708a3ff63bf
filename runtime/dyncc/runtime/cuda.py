"""CUDA's runtime library, as far as tensors on a device need it: a stream, memory, copies.

It is called through ctypes, in the library that ONNX Runtime has loaded anyway, so that both are in one
context and nothing more has to be installed. Signatures are those of ``cuda_runtime_api.h`` (CUDA 12, 13).

The stream does not take turns with the default stream, where PyTorch works, or else nobody could use that
while a graph is captured; where tensors go between the two libraries, each is told to wait for the other.
While a graph is captured, nothing else may go into the stream: whoever uses it holds the lock, and memory
that is given back, which can happen at any time, waits until more is asked for.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections import deque
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from typing import Any

import numpy as np

from dyncc.runtime.errors import EngineError, EngineMissing

_TO_DEVICE, _TO_HOST, _WITHIN = 1, 2, 3
"""cudaMemcpyKind."""
_KEEP_FREED = 4
"""cudaMemPoolAttrReleaseThreshold."""
_NON_BLOCKING = 1
"""cudaStreamNonBlocking."""
_NO_TIMING = 2
"""cudaEventDisableTiming."""
_PINNED = 64
"""Bytes of the memory through which numbers are read."""

_FUNCTIONS: dict[str, list[Any]] = {
    "cudaGetDeviceCount": [POINTER(c_int)],
    "cudaSetDevice": [c_int],
    "cudaStreamCreateWithFlags": [POINTER(c_void_p), c_uint],
    "cudaStreamSynchronize": [c_void_p],
    "cudaStreamWaitEvent": [c_void_p, c_void_p, c_uint],
    "cudaStreamIsCapturing": [c_void_p, POINTER(c_int)],
    "cudaStreamEndCapture": [c_void_p, POINTER(c_void_p)],
    "cudaEventCreateWithFlags": [POINTER(c_void_p), c_uint],
    "cudaEventRecord": [c_void_p, c_void_p],
    "cudaMallocAsync": [POINTER(c_void_p), c_size_t, c_void_p],
    "cudaFreeAsync": [c_void_p, c_void_p],
    "cudaMallocHost": [POINTER(c_void_p), c_size_t],
    "cudaMemcpyAsync": [c_void_p, c_void_p, c_size_t, c_int, c_void_p],
    "cudaMemcpy2DAsync": [c_void_p, c_size_t, c_void_p, c_size_t, c_size_t, c_size_t, c_int, c_void_p],
    "cudaMemGetInfo": [POINTER(c_size_t), POINTER(c_size_t)],
    "cudaDeviceGetDefaultMemPool": [POINTER(c_void_p), c_int],
    "cudaMemPoolSetAttribute": [c_void_p, c_int, c_void_p],
    "cudaGetLastError": [],
}


def load_library(major: int | None) -> ctypes.CDLL:
    """CUDA's runtime library of this major version (None: any). Raises EngineMissing."""
    majors = [major] if major else [13, 12]
    names = [f"cudart64_{n}.dll" if sys.platform == "win32" else f"libcudart.so.{n}" for n in majors]
    reasons: list[str] = []
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError as error:
            reasons.append(str(error))
    raise EngineMissing(
        f"CUDA's runtime library does not load ({'; '.join(reasons)}): `dyncc doctor` says what "
        "onnxruntime-gpu needs"
    )


class Allocation:
    """Memory of a :class:`Cuda`."""

    __slots__ = ("address", "exported", "given_back")

    def __init__(self, given_back: deque[int], address: int) -> None:
        self.given_back = given_back
        self.address = address
        self.exported = False

    def __del__(self) -> None:
        self.given_back.append(self.address)


class Cuda:
    """The memory and the stream of one device: a :class:`dyncc.runtime.device.Memory`.

    Raises EngineMissing where there is no such device.
    """

    name = "cuda"

    def __init__(self, library: Any, index: int) -> None:
        self.library = library
        self.index = index
        self.lock = threading.RLock()
        self.given_back: deque[int] = deque()
        """What nobody holds any more."""
        self.readers: set[int] = set()
        """Streams of other libraries that were given tensors."""
        for name, types in _FUNCTIONS.items():
            function = getattr(library, name)
            function.argtypes, function.restype = types, c_int
        library.cudaGetErrorString.argtypes, library.cudaGetErrorString.restype = [c_int], c_char_p
        count = c_int()
        code = library.cudaGetDeviceCount(byref(count))
        if code:
            raise EngineMissing(f"CUDA finds no device: {self._words(code)}")
        if index >= count.value:
            has = f"the last one is cuda:{count.value - 1}" if count.value else "there is none"
            raise EngineMissing(f"there is no device cuda:{index} here: {has}")
        self._do("cudaSetDevice", index)
        self.stream: int = self._made("cudaStreamCreateWithFlags", _NON_BLOCKING)
        self._event: int = self._made("cudaEventCreateWithFlags", _NO_TIMING)
        self._keep_freed_memory()
        self._pinned: int = self._made("cudaMallocHost", _PINNED)
        self._number = np.ctypeslib.as_array((ctypes.c_uint8 * _PINNED).from_address(self._pinned))
        self._copy = library.cudaMemcpyAsync
        self._wait = library.cudaStreamSynchronize

    def _keep_freed_memory(self) -> None:
        """Let memory that was given back stay with the process: to ask for it anew takes far longer."""
        pool = self._made("cudaDeviceGetDefaultMemPool", self.index)
        self._do("cudaMemPoolSetAttribute", pool, _KEEP_FREED, byref(c_uint64(2**64 - 1)))

    # ---------------------------------------------------------------------------------------- memory

    def allocate(self, nbytes: int) -> Allocation:
        address = c_void_p()
        with self.lock:
            if self.given_back:
                self.after_readers()
            while self.given_back:
                self._do("cudaFreeAsync", self.given_back.popleft(), self.stream)
            self._do("cudaMallocAsync", byref(address), max(nbytes, 1), self.stream)
        return Allocation(self.given_back, address.value or 0)

    def copy_in(self, address: int, array: np.ndarray) -> None:
        if array.nbytes:
            self._check(self._copy(address, _begin(array), array.nbytes, _TO_DEVICE, self.stream))

    def copy_out(self, array: np.ndarray, address: int) -> None:
        with self.lock:
            if array.nbytes > _PINNED:
                self._check(self._copy(_begin(array), address, array.nbytes, _TO_HOST, self.stream))
                self._check(self._wait(self.stream))
                return
            self._check(self._copy(self._pinned, address, array.nbytes, _TO_HOST, self.stream))
            self._check(self._wait(self.stream))
            array.reshape(-1).view(np.uint8)[:] = self._number[: array.nbytes]

    def copy(self, to: int, of: int, nbytes: int) -> None:
        if nbytes:
            self._check(self._copy(to, of, nbytes, _WITHIN, self.stream))

    def copy_rows(self, to: int, pitch: int, of: int, width: int, rows: int) -> None:
        self._do("cudaMemcpy2DAsync", to, pitch, of, width, width, rows, _WITHIN, self.stream)

    # ------------------------------------------------------------------------- order, with others' work

    def synchronize(self) -> None:
        """Wait for everything. Raises EngineError for what failed."""
        self._check(self._wait(self.stream))

    def after(self, stream: int) -> None:
        with self.lock:
            self._do("cudaEventRecord", self._event, stream)
            self._do("cudaStreamWaitEvent", self.stream, self._event, 0)

    def before(self, stream: int) -> None:
        with self.lock:
            self.readers.add(stream)
            self._do("cudaEventRecord", self._event, self.stream)
            self._do("cudaStreamWaitEvent", stream, self._event, 0)

    def after_readers(self) -> None:
        for stream in self.readers:
            self.after(stream)

    def leave_capture(self) -> None:
        """End a capture that failed half-way, so that the stream works again."""
        status = c_int()
        self.library.cudaStreamIsCapturing(self.stream, byref(status))
        if status.value:
            self.library.cudaStreamEndCapture(self.stream, byref(c_void_p()))
        self.library.cudaGetLastError()  # which forgets it

    # ---------------------------------------------------------------------------------------- errors

    def _made(self, name: str, *arguments: Any) -> int:
        """What the function ``name`` writes to its first argument."""
        made = c_void_p()
        self._do(name, byref(made), *arguments)
        return made.value or 0

    def _do(self, name: str, *arguments: Any) -> None:
        self._check(getattr(self.library, name)(*arguments))

    def _check(self, code: int) -> None:
        if code:
            self.library.cudaGetLastError()
            raise EngineError(f"cuda:{self.index} failed: {self._words(code)}")

    def _words(self, code: int) -> str:
        return f"{self.library.cudaGetErrorString(code).decode()} (error {code})"


def _begin(array: np.ndarray) -> int:
    """Where an array's memory begins (``array.ctypes`` takes three times as long)."""
    return array.__array_interface__["data"][0]

"""Apache TVM: blocks that were compiled to machine code, run by TVM's runtime alone.

What is needed is the package ``apache-tvm-ffi`` and the two libraries of TVM's runtime (5 MB), which the
bundle brings; where ``apache-tvm`` of the same version is installed, its libraries are used. The compiler,
and the module ``tvm``, are never loaded.

Memory. Generated code takes its arguments to be aligned to 64 bytes and crashes where they are not, NumPy
aligns to 16; so an argument is copied unless it happens to be aligned. Weights are mapped from the bundle
and aligned there.

Threads. TVM has one pool for the process; its size is that which the first program asks for.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dyncc.runtime import processor
from dyncc.runtime.engine import Graph, Run, Setup
from dyncc.runtime.errors import EngineError, EngineMissing, IncompatibleArtifact

ALIGNMENT = 64
LIBRARIES = ("libtvm_runtime.so", "libtvm_runtime_extra.so")
"""In the order in which they are loaded."""
_CPU, _POOLED = 1, 2
"""TVM's numbers of the device and of the allocator that keeps memory."""


class _Process:
    """What of TVM this process has loaded. Its libraries cannot be loaded twice."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.version: str | None = None
        self.threads: int | None = None


_PROCESS = _Process()


def import_ffi() -> Any:
    """The module ``tvm_ffi``. Raises EngineMissing."""
    # it would build an extension for torch, which nothing here needs
    os.environ.setdefault("TVM_FFI_DISABLE_TORCH_C_DLPACK", "1")
    try:
        import tvm_ffi  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise EngineMissing(
            f"the engine tvm cannot be imported ({error}): pip install 'apache-tvm-ffi>=0.1.14,<0.1.15' "
            "(or 'dyncc[tvm]')"
        ) from error
    return tvm_ffi


def release(version: str) -> str:
    """The part of a version of TVM within which artifacts can be exchanged: ``0.27``."""
    return ".".join(version.split(".")[:2])


class Tvm:
    """The engine for one program. ``setup.threads`` counts for the whole process (see above)."""

    name = "tvm"
    keep = False

    def __init__(self, setup: Setup) -> None:
        if setup.device != "cpu":
            raise EngineMissing(f"the engine tvm runs blocks on the CPU, not on {setup.device!r}")
        self.ffi = import_ffi()
        self.threads = setup.threads

    def load(self, graph: Graph) -> Run:
        processor.check(graph.requires, graph.name, self.name)
        if any(port.dtype == "bfloat16" for port in (*graph.inputs, *graph.outputs)):
            raise EngineError(f"the block {graph.name!r} passes bfloat16, which tvm cannot take from NumPy")
        version = str(graph.requires.get("tvm", ""))
        with _PROCESS.lock:
            _load_runtime(version, graph)
            self._set_threads()
        try:
            machine = self.ffi.load_module(graph.file)["vm_load_executable"]()
            machine["vm_initialization"](_CPU, 0, _POOLED)
            function = machine["main"]
            return _Block(self.ffi, function, graph.weights(), graph)
        except Exception as error:  # the classes of tvm_ffi's errors are made at run time
            raise EngineError(f"tvm refuses {graph.file}: {error}") from error

    def _set_threads(self) -> None:
        wanted = self.threads or _cores()
        if _PROCESS.threads is None:
            configure = self.ffi.get_global_func("runtime.config_threadpool", allow_missing=True)
            if configure is not None:
                configure(1, wanted)
            _PROCESS.threads = wanted
        elif self.threads is not None and self.threads != _PROCESS.threads:
            warnings.warn(
                f"threads={self.threads} is not honoured: tvm's pool for this process has "
                f"{_PROCESS.threads} threads and cannot change",
                stacklevel=5,
            )

    def describe(self) -> Mapping[str, Any]:
        return {"engine": self.name, "version": _PROCESS.version, "threads": _PROCESS.threads}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ------------------------------------------------------------------------------------------- libraries


def _load_runtime(version: str, graph: Graph) -> None:
    """Load TVM's runtime into the process, in a version that runs what ``version`` compiled."""
    if _PROCESS.version is None:
        _PROCESS.version = _load_libraries(version, graph)
    if version and release(version) != release(_PROCESS.version):
        raise IncompatibleArtifact(
            f"the block {graph.name!r} was compiled by apache-tvm {version}, this process runs "
            f"{_PROCESS.version}: pip install 'apache-tvm=={release(version)}.*', compile again, or load "
            "with engine='onnxruntime'"
        )


def _load_libraries(version: str, graph: Graph) -> str:
    """The version of the libraries that were loaded. Raises EngineMissing, EngineError."""
    if "tvm" in sys.modules:
        return str(sys.modules["tvm"].__version__)
    installed = installed_libraries()
    if installed is not None and (installed[0] == version or graph.support is None):
        version, folder = installed
    elif graph.support is not None:
        folder = graph.support
    else:
        raise EngineMissing(
            "the bundle does not bring TVM's runtime and it is not installed: "
            f"pip install 'apache-tvm=={release(version) or '0.27'}.*' 'apache-tvm-ffi>=0.1.14,<0.1.15'"
        )
    for name in LIBRARIES:
        try:
            ctypes.CDLL(os.path.join(folder, name), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            raise EngineError(
                f"TVM's runtime does not load ({error}): it needs the apache-tvm-ffi that it was built "
                "with: pip install 'apache-tvm-ffi>=0.1.14,<0.1.15'"
            ) from error
    return version


def installed_libraries() -> tuple[str, str] | None:
    """The version of the installed ``apache-tvm`` and its libraries' folder, without importing it."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        found = distribution("apache-tvm")
    except PackageNotFoundError:
        return None
    folder = str(found.locate_file("tvm/lib"))
    complete = all(os.path.exists(os.path.join(folder, name)) for name in LIBRARIES)
    return (found.version, folder) if complete else None


# ---------------------------------------------------------------------------------------------- calls


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy of ``array`` in memory that is aligned for TVM."""
    raw = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    offset = -raw.ctypes.data % ALIGNMENT
    copy = raw[offset : offset + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


class _Input:
    """Makes TVM's tensor of one input. What is not aligned is copied into memory that is kept for the next
    call: no result shares memory with an input (see :class:`_Block`)."""

    def __init__(self, from_dlpack: Callable[..., Any], dtype: str | None) -> None:
        self.from_dlpack = from_dlpack
        self.dtype = dtype
        self.memory = np.empty(0, np.uint8)
        self.tensor: Any = None

    def __call__(self, value: Any) -> Any:
        array = value if type(value) is np.ndarray else np.asarray(value, dtype=self.dtype)
        if array.flags.writeable and array.flags.c_contiguous:  # DLPack cannot say that it is not
            tensor = self.from_dlpack(array)
            if tensor.data_ptr() % ALIGNMENT == 0:
                return tensor
        if self.memory.shape != array.shape or self.memory.dtype != array.dtype:
            self.memory = aligned(array)
            self.tensor = self.from_dlpack(self.memory)
        else:
            self.memory[...] = array
        return self.tensor


class _Block:
    """A block as a function from arrays to arrays, one call at a time: the virtual machine keeps its
    registers between instructions.

    TVM may give back an input, a weight, or one tensor twice; results are memory of their own all the same.
    """

    def __init__(
        self, ffi: Any, function: Callable[..., Any], weights: Sequence[np.ndarray], graph: Graph
    ) -> None:
        self.name = graph.name
        self.function = function
        self.inputs = [
            _Input(ffi.from_dlpack, graph.numbers.get(index)) for index in range(len(graph.inputs))
        ]
        self.weights = [ffi.from_dlpack(_as_aligned(array)) for array in weights]
        self.fixed = {weight.data_ptr() for weight in self.weights}
        self.single = len(graph.outputs) == 1
        self.checked = bool(graph.requires.get("checked"))
        """Whether the block gives one result more, which says that all indices were in range."""
        self.lock = threading.Lock()

    def __call__(self, *values: Any) -> Any:
        try:
            with self.lock:
                tensors = [make(value) for make, value in zip(self.inputs, values, strict=True)]
                found = self.function(*tensors, *self.weights)
                if hasattr(found, "data_ptr"):
                    found = (found,)
                taken = self.fixed.union(tensor.data_ptr() for tensor in tensors)
                results = [_result(value, taken) for value in found]
                if self.checked and not results.pop():
                    raise IndexError("an index is out of range")
        except Exception as error:  # the classes of tvm_ffi's errors are made at run time
            raise EngineError(f"tvm failed in the block {self.name!r}: {error}") from error
        return results[0] if self.single else results


def _result(tensor: Any, taken: set[int]) -> np.ndarray:
    array = np.from_dlpack(tensor)
    pointer = tensor.data_ptr()
    if pointer in taken:
        return array.copy()
    taken.add(pointer)
    return array


def _as_aligned(array: np.ndarray) -> np.ndarray:
    fits = array.flags.writeable and array.flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0
    return array if fits else aligned(array)

"""ONNX Runtime on CUDA: values stay on the device, and blocks of fixed sizes are captured CUDA graphs.

One stream. All blocks work on the stream of :class:`dyncc.runtime.cuda.Cuda`, so that none has to wait for
another: the host waits where it reads a number to decide, and where a call gives arrays back.

Captured graphs. Launching one kernel after the other is what small networks spend their time with. A block
of fixed sizes is captured as a CUDA graph when it first runs, and replayed. That is possible because it
holds no control flow. A graph reads and writes the addresses that it was captured with, so

- outputs go to one of a few *slots*, sets of memory that belong to the block. A slot is taken again as soon
  as nobody holds the tensors in it; what is still held when all are taken is moved away first;
- inputs are read where they are, which makes a capture of its own for each combination of addresses. There
  are few: outputs are in slots, and what comes from elsewhere (arguments, sizes that vary) is copied to one
  of the *places* for tensors of its shape, where all further blocks read it.

Indices. CUDA's kernels do not raise for an index that is out of range. Blocks that have any are compiled
with one more output that says whether all were in range, which the host reads before it goes on
(:mod:`dyncc.compiler.engines.checked_indices`).

Numbers. ONNX Runtime computes float32 products in TF32, ten bits of mantissa, unless it is told not to.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from dyncc.runtime.cuda import Cuda, load_library
from dyncc.runtime.cuda_blocks import Block, Slot, is_static, shape_of
from dyncc.runtime.device import DeviceTensor, Memory, numpy_dtype, torch_stream
from dyncc.runtime.engine import Graph, Port, Run, Setup
from dyncc.runtime.engine_onnxruntime import check_ports, import_onnxruntime
from dyncc.runtime.errors import EngineError, EngineMissing

PLACES = 4
"""For tensors of one dtype and shape."""
SHAPES = 64
"""Dtypes and shapes for which there are places."""


def cuda_memory(onnxruntime: Any, index: int) -> Cuda:
    """The device, in the CUDA library that ``onnxruntime`` is built for. Raises EngineMissing."""
    preload = getattr(onnxruntime, "preload_dlls", None)
    if preload is not None:
        preload()  # those of NVIDIA's own packages, which the loader does not find by itself
    version = str(getattr(onnxruntime, "cuda_version", "") or "")
    major = version.partition(".")[0]
    return Cuda(load_library(int(major) if major.isdigit() else None), index)


class OnnxRuntimeCuda:
    """The engine for one program, on one device. ``memory`` is that of the device ``cuda:N``; without
    ``capture``, all blocks run kernel by kernel (to see what captured graphs gain)."""

    name = "onnxruntime"
    keep = True

    def __init__(self, setup: Setup, memory: Memory | None = None, *, capture: bool = True) -> None:
        self.onnxruntime = import_onnxruntime()
        kind, _, index = setup.device.partition(":")
        if kind != "cuda" or not (index or "0").isdecimal():
            raise EngineMissing(f"onnxruntime has no device {setup.device!r} here: use 'cpu' or 'cuda'")
        available = self.onnxruntime.get_available_providers()
        if memory is None and "CUDAExecutionProvider" not in available:
            raise EngineMissing(
                f"the installed onnxruntime has no CUDA provider (it has {', '.join(available)}): "
                "pip uninstall onnxruntime onnxruntime-gpu, then pip install 'dyncc[gpu]'"
            )
        self.memory: Memory = memory or cuda_memory(self.onnxruntime, int(index or 0))
        self.capture = capture
        self.places: dict[tuple[str, tuple[int, ...]], list[Slot]] = {}
        self.captured: list[str] = []
        self.not_captured: dict[str, str] = {}
        """Blocks that run kernel by kernel, and why."""

    def load(self, graph: Graph) -> Run:
        with self.memory.lock:
            return self._loaded(graph)

    def _loaded(self, graph: Graph) -> Run:
        reason = "" if self.capture else "not asked for"
        if not all(map(is_static, (*graph.inputs, *graph.outputs))):
            reason = "sizes that vary"
        session, refusal = self.session(graph)
        if reason := reason or refusal:
            self.not_captured[graph.name] = reason
        else:
            self.captured.append(graph.name)
        return Block(self, session, graph, capture=not reason).run

    def session(self, graph: Graph) -> tuple[Any, str]:
        """ONNX Runtime's session for a graph, and why it cannot be captured (empty if it can).

        Raises EngineError where ONNX Runtime refuses the graph, EngineMissing where the provider does not
        load.
        """
        try:
            return self._session(graph, capture=True), ""  # also where nothing will be captured
        except EngineError as error:
            session = self._session(graph, capture=False)
            # Such a session, when it goes, leaves it to a callback from CUDA to give pinned memory back, in
            # which that is not allowed: the process ends (onnxruntime 1.31). So it never goes.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(session._sess))
            return session, str(error).partition("\n")[0]

    def _session(self, graph: Graph, *, capture: bool) -> Any:
        options = self.onnxruntime.SessionOptions()
        options.log_severity_level = 4  # not errors: they are raised
        options.intra_op_num_threads = 1
        try:
            with _quiet(self.onnxruntime):
                session = self.onnxruntime.InferenceSession(
                    graph.file, options, providers=self.providers(capture), enable_fallback=0
                )
        except Exception as error:  # onnxruntime's own classes
            raise EngineError(f"onnxruntime refuses {graph.file}: {error}") from error
        if self.memory.name == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
            raise EngineMissing(
                "onnxruntime's CUDA provider does not load here (it would run on the CPU instead): "
                "`dyncc doctor` says why"
            )
        check_ports(graph, session)
        return session

    def providers(self, capture: bool) -> list[Any]:
        """The providers of a session."""
        if not isinstance(self.memory, Cuda):
            return ["CPUExecutionProvider"]
        options = {
            "device_id": str(self.memory.index),
            "user_compute_stream": str(self.memory.stream),
            "use_tf32": "0",
            "enable_cuda_graph": "1" if capture else "0",
        }
        return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]

    def warm(self, graph: Graph, run: Run) -> None:
        """Run a block once, on zeros, if its sizes are known: kernels are loaded, chosen and captured."""
        if all(map(is_static, graph.inputs)):
            with suppress(EngineError):  # zeros may not be what it takes
                run(*(np.zeros(shape_of(port), numpy_dtype(port.dtype)) for port in graph.inputs))

    def adopt(self, value: Any, dtype: str) -> DeviceTensor | None:
        """An argument as a tensor here: one that is on this device as it is, an array as a copy; None for
        what is on another device."""
        if not isinstance(value, np.ndarray):
            return adopted(self.memory, value)
        with self.memory.lock:
            slot = self.place(dtype, value.shape)
            if slot is None:
                allocation = self.memory.allocate(value.nbytes)
                tensor = DeviceTensor(self.memory, allocation.address, dtype, value.shape, allocation)
            else:
                (tensor,) = slot.tensors()
            self.memory.copy_in(tensor.address, value)
        return tensor

    def place(self, dtype: str, shape: tuple[int, ...]) -> Slot | None:
        """A place for a tensor from elsewhere that nobody uses; None where all are used.

        Places of the shapes that were asked for longest ago are given up. What was captured with them is
        replayed again only where a tensor of that shape is at that address.
        """
        places = self.places.pop((dtype, shape), [])
        self.places[dtype, shape] = places
        if len(self.places) > SHAPES:
            del self.places[next(iter(self.places))]
        for slot in places:
            if not slot.held():
                return slot.taken()
        if len(places) == PLACES:
            return None
        places.append(Slot(self.memory, [Port("", dtype, shape)], len(places)))
        return places[-1]

    def settle(self, tensor: DeviceTensor) -> None:
        """Move ``tensor`` to one of the places, if there is one."""
        slot = self.place(tensor.dtype, tensor.shape)
        if slot is not None:
            tensor.move(slot.allocations[0], fixed=True)
            slot.holders = [weakref.ref(tensor)]

    def describe(self) -> Mapping[str, Any]:
        return {
            "engine": self.name,
            "version": self.onnxruntime.__version__,
            "device": f"{self.memory.name}:{self.memory.index}",
            "captured": list(self.captured),
            "not_captured": dict(self.not_captured),
        }


@contextmanager
def _quiet(onnxruntime: Any) -> Iterator[None]:
    """Without a warning for each session that the provider is none of the new kind."""
    errors_only, usual = 3, 2
    onnxruntime.set_default_logger_severity(errors_only)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(usual)


def adopted(memory: Memory, value: Any) -> DeviceTensor | None:
    """A dense tensor of PyTorch's, or of whoever has ``__cuda_array_interface__``, in ``memory``."""
    torch_device: Any = getattr(value, "device", None)
    if getattr(torch_device, "type", None) == memory.name and hasattr(value, "data_ptr"):
        if torch_device.index != memory.index:
            return None
        memory.after(torch_stream(memory))
        value = value.detach().contiguous()
        dtype = str(value.dtype).rpartition(".")[2]
        return DeviceTensor(memory, value.data_ptr(), dtype, tuple(value.shape), value)
    interface = getattr(value, "__cuda_array_interface__", None)
    if interface is None or interface.get("strides") is not None or memory.name != "cuda":
        return None
    if interface.get("stream") is not None:  # which says that there may be work to wait for
        memory.after(interface["stream"])
    dtype = np.dtype(interface["typestr"]).name
    return DeviceTensor(memory, interface["data"][0], dtype, tuple(interface["shape"]), value)

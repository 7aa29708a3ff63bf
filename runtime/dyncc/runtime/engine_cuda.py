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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from dyncc.runtime.cuda import Cuda, load_library
from dyncc.runtime.device import DeviceTensor, Memory, bytes_of, numpy_dtype, torch_stream
from dyncc.runtime.engine import IN_RANGE, Graph, Port, Run, Setup, as_numbers
from dyncc.runtime.engine_onnxruntime import BFLOAT16, check_ports, failure, import_onnxruntime
from dyncc.runtime.errors import EngineError, EngineMissing, IndexOutOfRange

SLOTS = 3
"""Sets of outputs of one block: a loop reads one while it writes the next, and one may be kept."""
CAPTURES = 16
"""Graphs of one block for different addresses of its inputs; beyond that, inputs are copied."""
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
        if not all(map(_is_static, (*graph.inputs, *graph.outputs))):
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
                    str(graph.path), options, providers=self.providers(capture), enable_fallback=0
                )
        except Exception as error:  # onnxruntime's own classes
            raise EngineError(f"onnxruntime refuses {graph.path}: {error}") from error
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
        if all(map(_is_static, graph.inputs)):
            with suppress(EngineError):  # zeros may not be what it takes
                run(*(np.zeros(_shape(port), numpy_dtype(port.dtype)) for port in graph.inputs))

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


def _is_static(port: Port) -> bool:
    return all(isinstance(size, int) for size in port.shape)


# ---------------------------------------------------------------------------------------------- blocks


class Slot:
    """Memory for the outputs of one run of a block, and who holds them."""

    def __init__(self, memory: Memory, ports: Sequence[Port], number: int) -> None:
        self.memory = memory
        self.ports = ports
        self.number = number
        self.allocations = [memory.allocate(_nbytes(port)) for port in ports]
        self.holders: list[weakref.ref[DeviceTensor]] = []

    def addresses(self) -> list[int]:
        """Where the outputs go."""
        return [allocation.address for allocation in self.allocations]

    def taken(self) -> Slot:
        """This, ready to be written to: other libraries may still read what they let go of."""
        if any(allocation.exported for allocation in self.allocations):
            self.memory.after_readers()
            for allocation in self.allocations:
                allocation.exported = False
        return self

    def tensors(self) -> list[DeviceTensor]:
        """The outputs of the run that there just was."""
        made = [
            DeviceTensor(self.memory, allocation.address, port.dtype, _shape(port), allocation, fixed=True)
            for allocation, port in zip(self.allocations, self.ports, strict=True)
        ]
        self.holders = [weakref.ref(tensor) for tensor in made]
        return made

    def held(self) -> list[DeviceTensor]:
        """The tensors in it that somebody still has."""
        found = (holder() for holder in self.holders)
        return [tensor for tensor in found if tensor is not None and tensor.fixed]


class Bound:
    """The inputs and outputs of a session at certain addresses, ready to run."""

    def __init__(self, block: Block, inputs: Sequence[int], outputs: Sequence[int], graph_id: int) -> None:
        engine, self.session = block.engine, block.session
        self.binding = self.session.io_binding()
        memory = engine.memory
        for port, address in zip(block.graph.inputs, inputs, strict=True):
            kind = _element(port)
            self.binding.bind_input(port.name, memory.name, memory.index, kind, _shape(port), address)
        for port, address in zip(block.computed, outputs, strict=True):
            kind = _element(port)
            self.binding.bind_output(port.name, memory.name, memory.index, kind, _shape(port), address)
        self.constants = block.bind_constants(self.binding)
        self.options = run_options(engine.onnxruntime, graph_id)

    def run(self) -> None:
        """Put the run into the stream."""
        self.session._sess.run_with_iobinding(self.binding._iobinding, self.options)


class Block:
    """A block on a device. Calls from several threads come one after the other."""

    def __init__(self, engine: OnnxRuntimeCuda, session: Any, graph: Graph, *, capture: bool) -> None:
        self.engine = engine
        self.memory = engine.memory
        self.session = session
        self.graph = graph
        self.capture = capture
        self.checked = bool(graph.requires.get("checked"))
        self.outputs = (*graph.outputs, Port(IN_RANGE, "bool")) if self.checked else graph.outputs
        self.constant = [int(index) for index in str(graph.requires.get("constants", "")).split()]
        """The outputs that no operator computes: the engine leaves them on the host."""
        self.computed = [port for index, port in enumerate(self.outputs) if index not in self.constant]
        self.single = len(graph.outputs) == 1
        self.slots: list[Slot] = []
        self.next_slot = 0
        self.own: dict[int, Any] = {}
        """Memory for inputs that are copied, by the input's number."""
        self.bound: dict[tuple[int, ...], Bound] = {}
        """What was captured: by the slot, and by where each input is read in place (0: copied)."""
        self.options = run_options(engine.onnxruntime, -1)

    def run(self, *inputs: Any) -> Any:
        """The block's outputs, as tensors on the device. Raises EngineError, IndexOutOfRange."""
        try:
            with self.memory.lock:
                values = as_numbers(inputs, self.graph.numbers)
                slot = self._slot() if self.capture else None
                results = self._replay(slot, values) if slot is not None else self._step_by_step(values)
        except EngineError:
            raise
        except Exception as error:  # onnxruntime's own classes, numpy's overflow of a number
            raise failure(self.graph.name, error) from error
        if self.checked and not results.pop().item():
            raise self._out_of_range()
        return results[0] if self.single else results

    def _out_of_range(self) -> IndexOutOfRange:
        reason = "an index is out of range"
        made = IndexOutOfRange(f"onnxruntime failed in the block {self.graph.name!r}: {reason}")
        made.graph, made.reason = self.graph.name, reason
        return made

    # ---------------------------------------------------------------------------------------- captured

    def _slot(self) -> Slot | None:
        """A slot that may be written to; None where other libraries hold what is in all of them."""
        for turn in range(len(self.slots)):
            slot = self.slots[(self.next_slot + turn) % len(self.slots)]
            if not slot.held():
                return self._take(slot)
        if len(self.slots) < SLOTS:
            self.slots.append(Slot(self.memory, self.computed, len(self.slots) + 1))
            return self._take(self.slots[-1])
        for turn in range(len(self.slots)):
            slot = self.slots[(self.next_slot + turn) % len(self.slots)]
            held = slot.held()
            if not any(tensor.exported for tensor in held):
                for tensor in held:
                    tensor.move()
                return self._take(slot)
        return None

    def _take(self, slot: Slot) -> Slot:
        self.next_slot = slot.number % SLOTS  # the next one in turn: the oldest
        return slot.taken()

    def _replay(self, slot: Slot, values: Sequence[Any]) -> list[DeviceTensor]:
        for value in values:
            if type(value) is DeviceTensor and not value.fixed and not value.exported:
                self.engine.settle(value)
        in_place = tuple(
            value.address if type(value) is DeviceTensor and value.fixed else 0 for value in values
        )
        bound = self.bound.get((slot.number, *in_place))
        if bound is None and len(self.bound) >= CAPTURES:
            in_place = (0,) * len(values)
            bound = self.bound.get((slot.number, *in_place))
        addresses = [
            address or self._copied(index, value)
            for index, (address, value) in enumerate(zip(in_place, values, strict=True))
        ]
        if bound is not None:
            bound.run()
            return self._all(slot.tensors(), bound.constants)
        bound = Bound(self, addresses, slot.addresses(), len(self.bound) + 1)
        try:
            bound.run()  # which runs a few times, captures, and replays once
        except Exception as error:  # onnxruntime's own classes
            self._give_up(str(error).partition("\n")[0])
            return self._step_by_step(values)
        self.bound[(slot.number, *in_place)] = bound
        return self._all(slot.tensors(), bound.constants)

    def bind_constants(self, binding: Any) -> list[np.ndarray]:
        """Host memory for the outputs that nobody computes."""
        made: list[np.ndarray] = []
        for index in self.constant:
            port = self.outputs[index]
            made.append(np.empty(_shape(port), numpy_dtype(port.dtype)))
            address = made[-1].ctypes.data
            binding.bind_output(port.name, "cpu", 0, _element(port), _shape(port), address)
        return made

    def _all(self, computed: list[DeviceTensor], constants: Sequence[np.ndarray]) -> list[Any]:
        """All outputs, in order."""
        if not constants:
            return computed
        found = iter(computed)
        fixed = dict(zip(self.constant, constants, strict=True))
        return [
            fixed[index].copy() if index in fixed else next(found) for index in range(len(self.outputs))
        ]

    def _give_up(self, reason: str) -> None:
        """Run kernel by kernel from now on, since capturing failed."""
        if isinstance(self.memory, Cuda):
            self.memory.leave_capture()
        self.capture = False
        self.session, _ = self.engine.session(self.graph)  # the other one is in the middle of capturing
        self.bound.clear()
        self.engine.captured.remove(self.graph.name)
        self.engine.not_captured[self.graph.name] = reason

    def _copied(self, index: int, value: Any) -> int:
        """The address of the block's own memory for an input, with ``value`` in it."""
        if index not in self.own:
            self.own[index] = self.memory.allocate(_nbytes(self.graph.inputs[index]))
        address: int = self.own[index].address
        if type(value) is DeviceTensor:
            self.memory.copy(address, value.address, value.nbytes)
        else:
            self.memory.copy_in(address, _array(value, self.graph.inputs[index]))
        return address

    # ------------------------------------------------------------------------------------ kernel by kernel

    def _step_by_step(self, values: Sequence[Any]) -> list[DeviceTensor]:
        memory, binding = self.memory, self.session.io_binding()
        alive: list[Any] = []
        for port, value in zip(self.graph.inputs, values, strict=True):
            if type(value) is not DeviceTensor:
                array = _array(value, port)
                if port.dtype != "bfloat16" and not array.shape:
                    alive.append(array)  # a number: where the engine wants it on the host, it is there
                    binding.bind_cpu_input(port.name, array)
                    continue
                allocation = memory.allocate(array.nbytes)
                memory.copy_in(allocation.address, array)
                value = DeviceTensor(memory, allocation.address, port.dtype, array.shape, allocation)
            alive.append(value)
            address = value.address
            if not address:  # a tensor without elements may have no memory
                alive.append(memory.allocate(1))
                address = alive[-1].address
            kind = _element(port)
            binding.bind_input(port.name, memory.name, memory.index, kind, value.shape, address)
        made: dict[int, DeviceTensor] = {}
        for index, port in enumerate(self.computed):
            if not _is_static(port):
                binding.bind_output(port.name, memory.name, memory.index)
                continue
            allocation = memory.allocate(_nbytes(port))
            made[index] = DeviceTensor(memory, allocation.address, port.dtype, _shape(port), allocation)
            kind = _element(port)
            binding.bind_output(
                port.name, memory.name, memory.index, kind, _shape(port), allocation.address
            )
        constants = self.bind_constants(binding)
        self.session._sess.run_with_iobinding(binding._iobinding, self.options)
        found = binding.get_outputs() if len(made) < len(self.computed) else []
        computed = [
            made[index] if index in made else _of_engine(memory, found[index], port.dtype)
            for index, port in enumerate(self.computed)
        ]
        return self._all(computed, constants)


def _of_engine(memory: Memory, ortvalue: Any, dtype: str) -> DeviceTensor:
    """An output in memory that ONNX Runtime allocated."""
    return DeviceTensor(memory, ortvalue.data_ptr(), dtype, tuple(ortvalue.shape()), ortvalue)


def run_options(onnxruntime: Any, graph_id: int) -> Any:
    """Options of a run: not to wait at its end, and which captured graph it is (-1: none)."""
    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    options.add_run_config_entry("gpu_graph_id", str(graph_id))
    return options


def _array(value: Any, port: Port) -> np.ndarray:
    """An input from the host, as it is copied. Raises EngineError where it is not what the block takes."""
    array = np.ascontiguousarray(value).reshape(np.shape(value))
    if array.dtype != numpy_dtype(port.dtype):
        raise EngineError(f"the input {port.name!r} is {array.dtype}, not {port.dtype}")
    return array


def _shape(port: Port) -> tuple[int, ...]:
    return tuple(size for size in port.shape if isinstance(size, int))


def _nbytes(port: Port) -> int:
    return bytes_of(port.dtype, _shape(port))


def _element(port: Port) -> Any:
    return BFLOAT16 if port.dtype == "bfloat16" else numpy_dtype(port.dtype).type

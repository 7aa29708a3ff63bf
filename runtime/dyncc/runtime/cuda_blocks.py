"""Blocks on a device, captured or kernel by kernel: :mod:`dyncc.runtime.engine_cuda` says how and why."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dyncc.runtime.cuda import Cuda
from dyncc.runtime.device import DeviceTensor, Memory, bytes_of, numpy_dtype
from dyncc.runtime.engine import IN_RANGE, Graph, Port, as_numbers
from dyncc.runtime.engine_onnxruntime import BFLOAT16, failure
from dyncc.runtime.errors import EngineError, IndexOutOfRange

if TYPE_CHECKING:
    from dyncc.runtime.engine_cuda import OnnxRuntimeCuda

SLOTS = 3
"""Sets of outputs of one block: a loop reads one while it writes the next, and one may be kept."""
CAPTURES = 16
"""Graphs of one block for different addresses of its inputs; beyond that, inputs are copied."""


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
            DeviceTensor(
                self.memory, allocation.address, port.dtype, shape_of(port), allocation, fixed=True
            )
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
            self.binding.bind_input(port.name, memory.name, memory.index, kind, shape_of(port), address)
        for port, address in zip(block.computed, outputs, strict=True):
            kind = _element(port)
            self.binding.bind_output(port.name, memory.name, memory.index, kind, shape_of(port), address)
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
            made.append(np.empty(shape_of(port), numpy_dtype(port.dtype)))
            address = made[-1].ctypes.data
            binding.bind_output(port.name, "cpu", 0, _element(port), shape_of(port), address)
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
            if not is_static(port):
                binding.bind_output(port.name, memory.name, memory.index)
                continue
            allocation = memory.allocate(_nbytes(port))
            made[index] = DeviceTensor(memory, allocation.address, port.dtype, shape_of(port), allocation)
            kind = _element(port)
            binding.bind_output(
                port.name, memory.name, memory.index, kind, shape_of(port), allocation.address
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


def shape_of(port: Port) -> tuple[int, ...]:
    """The shape of a port whose sizes are known."""
    return tuple(size for size in port.shape if isinstance(size, int))


def _nbytes(port: Port) -> int:
    return bytes_of(port.dtype, shape_of(port))


def _element(port: Port) -> Any:
    return BFLOAT16 if port.dtype == "bfloat16" else numpy_dtype(port.dtype).type


def is_static(port: Port) -> bool:
    """Whether all sizes of a port are known."""
    return all(isinstance(size, int) for size in port.shape)

"""ONNX Runtime on the CPU (:mod:`dyncc.runtime.engine_cuda` has the other).

Threads. Twelve sessions with default options keep twelve pools, so all sessions share the process's global
pool. ONNX Runtime makes that once: the first load decides its size, and from then on it refuses sessions
that want a pool of their own, *anybody's in the process*. One thread needs no pool, so ``threads=1`` leaves
the process as it is. Where torch is loaded, each session has its own pool instead, whose threads do not
spin: spinning, which the global pool cannot be told to leave, slows torch's operations many times.

Calls. ``InferenceSession.run`` costs as much again as the call below it that it wraps; that one is used if
a first try in each process shows that it does the same.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from dyncc.runtime.engine import Graph, Run, as_numbers
from dyncc.runtime.errors import EngineError, EngineMissing, IndexOutOfRange

BFLOAT16 = 16
"""TensorProto.BFLOAT16."""

_IDENTITY = (
    b'\x08\t:3\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x01gZ\r\n\x01x\x12\x08\n\x06\x08\x01\x12\x02\n\x00'
    b"b\r\n\x01y\x12\x08\n\x06\x08\x01\x12\x02\n\x00B\x04\n\x00\x10\x11"
)
"""An ONNX model of one node, ``y = Identity(x)`` on float32[n] (IR 9, opset 17), for the first try."""


def import_onnxruntime() -> Any:
    """The module ``onnxruntime``. Raises EngineMissing."""
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineMissing(
            f"the engine onnxruntime cannot be imported ({error}): pip install 'dyncc[cpu]' "
            "(or 'dyncc[gpu]' for CUDA)"
        ) from error
    return onnxruntime


class _Pool:
    """The global thread pool of the process, as far as this module made it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.size: int | None = None
        """Its threads; 0 where somebody else made it; None where there is none that we know of."""

    def get(self, onnxruntime: Any, threads: int) -> int:
        """Make the pool if it is not there; returns its size."""
        with self.lock:
            if self.size is None:
                try:
                    onnxruntime.set_global_thread_pool_sizes(threads, 1)
                    self.size = threads
                except Exception:  # onnxruntime's own classes: somebody made the pool already
                    self.size = 0
            return self.size


_POOL = _Pool()


class OnnxRuntime:
    """The engine for one program.

    ``threads`` for one operator (default: all cores that the process may use). ``graphs`` is how many will
    be loaded. ``shared_pool`` lets them have threads of the process's pool, which is made then.
    """

    name = "onnxruntime"
    keep = False

    def __init__(self, *, threads: int | None = None, graphs: int = 1, shared_pool: bool = True) -> None:
        self.onnxruntime = import_onnxruntime()
        self.threads = threads
        self.shared_pool = shared_pool
        self.options = self._session_options(threads, graphs)
        self.fast = _fast_calls_work(self.onnxruntime)
        self.run_options = self.onnxruntime.RunOptions()
        self.run_options.log_severity_level = 4

    # ---------------------------------------------------------------------------------------- threads

    def _session_options(self, threads: int | None, graphs: int) -> Any:
        options = self.onnxruntime.SessionOptions()
        options.log_severity_level = 4  # not errors: they are raised
        wanted = (
            threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads or 0
        )
        torch = "torch" in sys.modules
        own = not self.shared_pool or torch or not self._has_global_pool()
        if _POOL.size is None and (wanted == 1 or own):
            if threads is None and wanted * graphs > 256:
                wanted = 1  # hundreds of pools: better none
            options.intra_op_num_threads = wanted
            # Threads that spin for the next call take the core from the next block's, and from torch's.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0" if torch else "1")
            options.add_session_config_entry("session.force_spinning_stop", "1")
            return options
        if not self.shared_pool:
            warnings.warn(
                "shared_pool=False is not honoured: onnxruntime has a pool for this process already",
                stacklevel=4,
            )
        size = _POOL.get(self.onnxruntime, wanted)
        if threads is not None and size != threads:
            warnings.warn(
                f"threads={threads} is not honoured: onnxruntime's pool for this process "
                f"{f'has {size} threads' if size else 'was made by somebody else'} and cannot change",
                stacklevel=4,
            )
        options.use_per_session_threads = False
        return options

    def _has_global_pool(self) -> bool:
        return hasattr(self.onnxruntime, "set_global_thread_pool_sizes")

    # ---------------------------------------------------------------------------------------- loading

    def load(self, graph: Graph) -> Run:
        session = self._session(graph)
        inputs = [port.name for port in graph.inputs]
        outputs = [port.name for port in graph.outputs]
        check_ports(graph, session)
        if any(port.dtype == "bfloat16" for port in (*graph.inputs, *graph.outputs)):
            run = _OrtValues(self.onnxruntime, session, graph).run
        elif self.fast:
            dtypes = [graph.numbers.get(index) for index in range(len(inputs))]
            return direct_call(session._sess.run, inputs, outputs, self.run_options, dtypes, graph.name)
        else:
            run = _public(session, inputs, outputs, dict(graph.numbers))
        return _guarded(run, graph.name)

    def _session(self, graph: Graph) -> Any:
        create = self.onnxruntime.InferenceSession
        try:
            return create(graph.file, self.options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own classes
            if _POOL.size is None and "use_per_session_threads" in str(error):
                _POOL.size = 0  # somebody else made the global pool: from now on it is the only way
                self.options = self._session_options(None, 1)
                return self._session(graph)
            raise EngineError(f"onnxruntime refuses {graph.file}: {error}") from error

    def describe(self) -> Mapping[str, Any]:
        return {
            "engine": self.name,
            "version": self.onnxruntime.__version__,
            "device": "cpu",
            "threads": _POOL.size or self.options.intra_op_num_threads,
            "shared_pool": not self.options.use_per_session_threads,
        }


def check_ports(graph: Graph, session: Any) -> None:
    """Raise EngineError unless the file has the inputs and outputs that the program gives and takes."""
    for what, ports, metas in (
        ("input", graph.inputs, session.get_inputs()),
        ("output", graph.outputs, session.get_outputs()),
    ):
        known = {meta.name for meta in metas}
        for port in ports:
            if port.name not in known:
                raise EngineError(f"{graph.file} has no {what} {port.name!r}, which program.json names")


def _guarded(run: Run, name: str) -> Run:
    """``run``, whose failures name the block."""

    def guarded(*inputs: Any) -> Any:
        try:
            return run(*inputs)
        except Exception as error:  # onnxruntime's own classes, numpy's overflow of a number
            raise failure(name, error) from error

    return guarded


# (Not compiled here: that is a third of a millisecond, for what most processes never see.)
_NODE = r"(?s)running (\w+) node\. Name:'(.*)' Status Message: (.*)"
_STATUS = r"^\[ONNXRuntimeError\] : \d+ : \w+ : "
_ASSERTION = r"(?s)\S+\.(?:cc|cpp|cuh?|h|hpp):\d+ (?:.*?was false\.|.*?\)(?: \[with [^]]*\])?)\s+(?=\S)"
"""Where in its own source the engine noticed, and the condition that it wrote there."""
_INDEXING = r"Gather|Scatter|Slice|OneHot"
_OUT_OF_RANGE = r"(?i)out of (data )?(bounds?|range)|invalid ind(ex|ice)|within the inclusive range"

_ASSERTED = "less than -1, got -7"
"""What the engine says where a relation of sizes does not hold that the compiler asserts."""


def failure(name: str, error: Exception) -> EngineError:
    """The engine's words about the block ``name``, in one line and without its own source places."""
    operator, node, text = "", "", re.sub(_STATUS, "", str(error))
    if found := re.search(_NODE, text):
        operator, node, text = found.groups()
    text = " ".join(re.sub(_ASSERTION, "", text, count=1).split())
    index = re.match(_INDEXING, operator) and re.search(_OUT_OF_RANGE, text)
    if index:
        text = re.sub(r"\b\d{10,19}\b", _with_sign, text)
    reason = f"{operator}: {text}" if operator else text
    if operator == "Reshape" and text.endswith(_ASSERTED):
        reason = "sizes do not fit: PyTorch raises here, too"
    made = (IndexOutOfRange if index else EngineError)(
        f"onnxruntime failed in the block {name!r}: {reason}"
    )
    made.graph, made.node, made.reason = name, node, reason
    return made


def _with_sign(number: re.Match[str]) -> str:
    """An index below zero, which the compiler made too large by taking its sign bit, as it was."""
    value = int(number[0])
    for bits in (31, 63):
        if 0 < (1 << bits) - value <= 1 << 20:
            return str(value - (1 << bits))
    return number[0]


# --------------------------------------------------------------------------------------------- calls


def direct_call(
    call: Callable[..., Any],
    inputs: Sequence[str],
    outputs: list[str],
    options: Any,
    dtypes: Sequence[str | None],
    name: str,
) -> Run:
    """A graph as a function: one Python frame around ``call(outputs, feeds, options)``.

    ``dtypes`` are given for inputs that may come as Python numbers. What a call costs beside the engine's
    own work counts twice, as it runs with caches that the engine has filled with other things; so there is
    no loop and no second frame in it. Failures name the block ``name``.
    """
    make = _call_factory(tuple(dtype is not None for dtype in dtypes), len(outputs) == 1)
    return make(call, outputs, options, name, tuple(inputs), tuple(dtypes))


@lru_cache(maxsize=256)
def _call_factory(numbers: tuple[bool, ...], single: bool) -> Callable[..., Run]:
    """Makes the function of a graph with so many inputs, of which ``numbers`` may be Python numbers."""
    feeds: list[str] = []
    for index, number in enumerate(numbers):
        value = f"v{index}"
        if number:
            value = f"v{index} if hasattr(v{index}, 'shape') else array(v{index}, dtype=dtypes[{index}])"
        feeds.append(f"n{index}: {value}")
    parameters = ", ".join(f"v{index}" for index in range(len(numbers)))
    names = "".join(f"n{index}, " for index in range(len(numbers)))
    text = f"""
def make(call, outputs, options, name, names, dtypes):
    {f"{names}= names" if names else ""}
    def run({parameters}):
        try:
            return call(outputs, {{{", ".join(feeds)}}}, options){"[0]" if single else ""}
        except Exception as error:
            raise failure(name, error) from error
    return run
"""
    scope: dict[str, Any] = {"array": np.array, "failure": failure}
    exec(text, scope)
    return scope["make"]


def _public(session: Any, inputs: list[str], outputs: list[str], numbers: dict[int, str]) -> Run:
    def run(*values: Any) -> Any:
        results = session.run(outputs, dict(zip(inputs, as_numbers(values, numbers), strict=True)))
        return results[0] if len(outputs) == 1 else results

    return run


@lru_cache(maxsize=1)
def _fast_calls_work(onnxruntime: Any) -> bool:
    """Whether the call below ``InferenceSession.run`` is there and does the same."""
    options = onnxruntime.SessionOptions()
    options.use_per_session_threads = _POOL.size is None
    options.intra_op_num_threads = 1 if _POOL.size is None else 0
    x = np.arange(3, dtype=np.float32)
    try:
        session = onnxruntime.InferenceSession(_IDENTITY, options, providers=["CPUExecutionProvider"])
        (y,) = session._sess.run(["y"], {"x": x}, onnxruntime.RunOptions())
    except Exception:  # whatever a private interface does when it has changed
        return False
    return type(y) is np.ndarray and np.array_equal(x, y)


# -------------------------------------------------------------------------------------------- bfloat16


class _OrtValues:
    """A graph with inputs or outputs of bfloat16, which NumPy does not have: bound as OrtValues."""

    def __init__(self, onnxruntime: Any, session: Any, graph: Graph) -> None:
        self.session = session
        self.graph = graph
        self.make = onnxruntime.OrtValue

    def run(self, *inputs: Any) -> Any:
        binding = self.session.io_binding()
        alive = []
        for port, value in zip(self.graph.inputs, as_numbers(inputs, self.graph.numbers), strict=True):
            ortvalue = self._ortvalue(value, port.dtype)
            alive.append(ortvalue)
            binding.bind_ortvalue_input(port.name, ortvalue)
        for port in self.graph.outputs:
            binding.bind_output(port.name, "cpu")
        self.session.run_with_iobinding(binding)
        out = [
            _bits(value) if port.dtype == "bfloat16" else value.numpy()
            for value, port in zip(binding.get_outputs(), self.graph.outputs, strict=True)
        ]
        return out[0] if len(out) == 1 else out

    def _ortvalue(self, value: Any, dtype: str) -> Any:
        if dtype == "bfloat16":
            return self.make.ortvalue_from_numpy_with_onnx_type(np.ascontiguousarray(value), BFLOAT16)
        return self.make.ortvalue_from_numpy(np.asarray(value))


def _bits(ortvalue: Any) -> np.ndarray:
    """bfloat16 as uint16: NumPy cannot take it, so the memory is read."""
    shape = tuple(ortvalue.shape())
    count = int(np.prod(shape, dtype=np.int64))
    if not count:
        return np.zeros(shape, np.uint16)
    memory = (ctypes.c_uint16 * count).from_address(ortvalue.data_ptr())
    return np.ctypeslib.as_array(memory).reshape(shape).copy()

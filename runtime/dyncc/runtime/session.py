"""Calls of a program: a session with its own state, and the way of a call through it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from dyncc.runtime import arrays
from dyncc.runtime import program as p
from dyncc.runtime.engine import Engine
from dyncc.runtime.errors import EngineError, InputError
from dyncc.runtime.limits import Step, Watch
from dyncc.runtime.module import HostModule, HostModules
from dyncc.runtime.noise import Noise
from dyncc.runtime.outputs import array_leaves, map_arrays
from dyncc.runtime.places import locate
from dyncc.runtime.records import frozen
from dyncc.runtime.tracebacks import point_at_source
from dyncc.runtime.tree import Binder, Bound
from dyncc.runtime.wellformed import draws, inputs_of, written_inputs

Trace = Callable[[Step], Any] | list[Step]
LIMITS = ("max_steps", "timeout", "trace")


@frozen
class MethodPlan:
    """What a call of a method needs, made once."""

    name: str
    binder: Binder
    inputs: tuple[str, ...]
    written: tuple[str, ...]
    limits: tuple[str, ...]
    """Which of ``max_steps``, ``timeout``, ``trace`` are the runtime's: no parameter is called so."""
    function: Callable[..., Any]
    """The method of the plain host."""
    direct: Callable[[Sequence[Any]], bool] | None
    """Whether a call with these arguments is that of the host's method, with nothing before or after it;
    None where that is never so."""


class Machine:
    """A loaded program without state: what all sessions of it share."""

    def __init__(
        self,
        program: p.Program[Any],
        modules: HostModules,
        blocks: dict[str, Callable[..., Any]],
        weights: Mapping[str, Any],
        engine: Engine | None = None,
    ) -> None:
        self.program = program
        self.modules = modules
        self.blocks = blocks
        self.weights = weights
        self.stateful = len(program.states) > 1 or any(state.cells for state in program.states)
        self.draws = draws(program)
        on_device = engine is not None and engine.keep
        adopt: arrays.Adopt | None = getattr(engine, "adopt", None)
        self.special = on_device or _returns_bfloat16(program) or _returns_arrays(program)
        plain = not self.stateful and not self.special
        self.plans = {
            name: _plan(program, method, modules.plain.cls, adopt, plain)
            for name, method in program.methods.items()
        }
        self.exclusive = self.stateful or any(plan.written for plan in self.plans.values())
        self.torch_results = False
        """Whether a call without any tensor among its arguments gives torch tensors."""

        self.hosts: weakref.WeakSet[Any] = weakref.WeakSet()

    def new_host(self) -> Any:
        host = self.modules.plain.cls(self.blocks, self.weights)
        self.hosts.add(host)
        return host

    def replace_block(self, name: str, old: Callable[..., Any], new: Callable[..., Any]) -> None:
        """Let every host, now and later, call ``new`` as the block ``name``."""
        self.blocks[name] = new
        for host in list(self.hosts):
            for attribute, value in list(vars(host).items()):
                if value is old:
                    setattr(host, attribute, new)


def _returns_bfloat16(program: p.Program[Any]) -> bool:
    values = [
        value
        for block in program.blocks.values()
        for value in (*block.params, *(out for step in block.steps for out in results_of(step)))
    ]
    return any("bfloat16" in repr(value.type) for value in values)


def _returns_arrays(program: p.Program[Any]) -> bool:
    """Whether arrays of NumPy's are among the results, which stay such in PyTorch, too."""

    def among(tree: p.Tree) -> bool:
        return isinstance(tree, p.Node) and (tree.kind == "ndarray" or any(map(among, tree.children)))

    ends = [block.terminator for block in program.blocks.values()]
    return any(isinstance(end, p.Return) and among(end.output) for end in ends)


def results_of(step: p.Step) -> tuple[p.Value, ...]:
    """What a step defines."""
    return step.outputs if isinstance(step, p.Compute) else (step.result,)


def _plan(
    program: p.Program[Any], method: p.Method, host: type, adopt: arrays.Adopt | None, plain: bool
) -> MethodPlan:
    """``plain``: neither state nor results need to be looked after."""
    written = written_inputs(program, method)
    own = {parameter.name for parameter in method.parameters}
    limits = tuple(name for name in LIMITS if name not in own)
    binder = Binder(method, written, adopt)
    inputs = tuple(inputs_of(method))
    in_order = plain and inputs == tuple(name for name, *_ in binder.quick or ())
    return MethodPlan(
        method.name,
        binder,
        inputs,
        written,
        limits,
        function=getattr(host, method.name),
        direct=binder.direct if in_order else None,
    )


_STATE = ".state"
"""Under what ``save`` keeps the number of the state; no cell has such a name."""


class Session:
    """One user of a program: its state cells, and calls that change them.

    Calls of a program without state may run at the same time, those of a session with state wait for
    each other. A call that fails in the engine or by a limit leaves the state as it was; an exception that
    the program itself raises leaves what the program changed before it.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._lock = threading.RLock()
        self._host = machine.new_host()
        self._seed: int | None = None

    def call(self, method: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """The result of ``method(*args, **kwargs)``; ``kwargs`` may hold limits (see :class:`Net`)."""
        plan = self._machine.plans[method]
        direct = plan.direct
        if direct is not None and not kwargs and direct(args):
            try:
                return plan.function(self._host, *args)
            except BaseException as error:
                error.__traceback__ = self._user_traceback(error, self._machine.modules.plain)
                raise
        limits = {name: kwargs.pop(name) for name in plan.limits if name in kwargs} if kwargs else {}
        bound = plan.binder.bind(args, kwargs)
        return self._run(plan, bound, limits)

    def run_inputs(self, method: str, values: Mapping[str, Any], **limits: Any) -> Any:
        """The result for inputs that are bound already (by name): for replaying examples."""
        plan = self._machine.plans[method]
        bound = Bound({name: _ready(values[name]) for name in plan.inputs})
        bound.originals = {name: value for name, value in bound.values.items() if arrays.is_tensor(value)}
        return self._run(plan, bound, limits)

    def _run(self, plan: MethodPlan, bound: Bound, limits: Mapping[str, Any]) -> Any:
        if not self._machine.exclusive:
            return self._publish(self._execute(plan, bound, limits), bound)
        with self._lock:
            output = self._execute(plan, bound, limits)
            if self._machine.stateful:
                output = self._unshared(output)
            if plan.written:
                output = self._write_back(output, bound)
        return self._publish(output, bound)

    def _execute(self, plan: MethodPlan, bound: Bound, limits: Mapping[str, Any]) -> Any:
        values = [bound.values[name] for name in plan.inputs]
        module = self._machine.modules.plain
        if limits and any(limit is not None for limit in limits.values()):
            module = self._machine.modules.traced
            values.append(_watch(plan.name, self._machine.program, limits))
        try:
            return getattr(module.cls, plan.name)(self._host, *values)
        except BaseException as error:
            if plan.written:
                self._write_back(None, bound)
            error.__traceback__ = self._user_traceback(error, module)
            raise

    def _user_traceback(self, error: BaseException, module: HostModule) -> Any:
        """The part of the traceback below this module, at the user's places."""
        below = error.__traceback__.tb_next if error.__traceback__ is not None else None
        spans = module.spans
        if isinstance(error, EngineError):
            line = _line_in(below, module.filename)
            locate(error, self._machine.program, spans.get(line))
            if len(error.spans) == 1:
                spans = {**spans, line: error.spans[0]}
        return point_at_source(below, module.filename, spans, error)

    # ------------------------------------------------------------------------------------------ state

    def _cells(self) -> Iterator[tuple[p.Cell, str]]:
        """The cells of the present state and the host's attributes that hold them."""
        state = getattr(self._host, "state", 0)
        names = self._machine.modules.plain.cells[state]
        for cell in self._machine.program.states[state].cells:
            yield cell, names[cell.name]

    def _unshared(self, output: Any) -> Any:
        """``output``, in which no array is in the memory of the state or of a weight that it began with."""
        kept = [leaf for _, name in self._cells() for leaf in array_leaves(getattr(self._host, name))]

        def own(array: Any) -> Any:
            shared = not arrays.writable(array) or any(arrays.overlap(array, other) for other in kept)
            return array.copy() if shared else array

        return map_arrays(output, own)

    def reset(self) -> None:
        """Back to the state that the program starts with, and to the first random number of the seed."""
        with self._lock:
            self._host = self._machine.new_host()
            self._draw_from(Noise(self._seed))

    def seed(self, seed: int | None) -> None:
        """Begin with the random numbers of ``seed``; with None, with other ones each time (the default).

        They are NumPy's, not those that PyTorch has for the same seed: ``dyncc.compiler.drawing`` gives
        them to the original program. A program that draws none is as it was.
        """
        with self._lock:
            self._seed = seed
            self._draw_from(Noise(seed))

    def _draw_from(self, noise: Any) -> None:
        if self._machine.draws:
            self._host.noise = noise

    def save(self) -> dict[str, np.ndarray]:
        """The state as arrays (copies): its number and one for each cell, for :meth:`restore`."""
        with self._lock:
            saved: dict[str, np.ndarray] = {_STATE: np.array(getattr(self._host, "state", 0))}
            for cell, attribute in self._cells():
                value = getattr(self._host, attribute)
                if isinstance(cell.type, p.ListType):
                    for index, item in enumerate(value):
                        saved[f"{cell.name}[{index}]"] = np.array(item)
                    saved[f"{cell.name}.length"] = np.array(len(value))
                else:
                    saved[cell.name] = np.array(value)
            return saved

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`save` gave. Raises InputError unless it is one of this program."""
        states = self._machine.program.states
        state = int(_saved(saved, _STATE).item())
        if not 0 <= state < len(states):
            raise InputError(f"the saved state {state} is none of this program, which has {len(states)}")
        host = self._machine.new_host()
        if self._machine.draws:
            host.noise = self._host.noise
        names = self._machine.modules.plain.cells[state]
        for cell in states[state].cells:
            setattr(host, names[cell.name], _restored(cell, saved))
        if len(states) > 1:
            host.state = state
        with self._lock:
            self._host = host

    # ----------------------------------------------------------------------------------------- results

    def _write_back(self, output: Any, bound: Bound) -> Any:
        """Copy what the program wrote to its arguments into the caller's memory."""
        writes: Mapping[str, Any] = self._host.writes
        self._host.writes = {}
        targets = [bound.originals[name] for name in writes]

        def detached(array: Any) -> Any:
            return array.copy() if any(arrays.overlap(array, target) for target in targets) else array

        if not targets:
            return output
        output = map_arrays(output, detached)
        for _, attribute in self._cells():
            setattr(self._host, attribute, map_arrays(getattr(self._host, attribute), detached))
        values = [detached(value) for value in writes.values()]
        for target, value in zip(targets, values, strict=True):
            arrays.assign(target, value)
        return output

    def _publish(self, output: Any, bound: Bound) -> Any:
        device = bound.device
        if device is None and self._machine.torch_results and not _has_array(bound):
            device = "cpu"
        if device is None and not self._machine.special:
            return output
        return map_arrays(output, lambda array: arrays.to_public(array, device))


def _has_array(bound: Bound) -> bool:
    return any(True for value in bound.values.values() for _ in array_leaves(value))


def _line_in(traceback: TracebackType | None, filename: str) -> int:
    """The line at which ``traceback`` passes through a file; 0 where it does not."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename != filename:
        traceback = traceback.tb_next
    return 0 if traceback is None else traceback.tb_lineno


def _watch(method: str, program: p.Program[Any], limits: Mapping[str, Any]) -> Watch:
    trace = limits.get("trace")
    report: Callable[[Step], Any] | None = trace.append if isinstance(trace, list) else trace
    for name in ("max_steps", "timeout"):
        value = limits.get(name)
        if value is not None and (not isinstance(value, int | float) or value < 0):
            raise InputError(f"{method}(): {name} must be a number that is not negative, not {value!r}")
    return Watch(method, program, limits.get("max_steps"), limits.get("timeout"), report)


def _ready(value: Any) -> Any:
    return arrays.ready(arrays.as_array(value, "input")) if arrays.is_tensor(value) else value


def _saved(saved: Mapping[str, Any], name: str) -> np.ndarray:
    try:
        return np.asarray(saved[name])
    except KeyError:
        raise InputError(f"the saved state has no {name!r}") from None


def _restored(cell: p.Cell, saved: Mapping[str, Any]) -> Any:
    if isinstance(cell.type, p.ListType):
        length = int(_saved(saved, f"{cell.name}.length").item())
        return tuple(
            _element(cell.type.element, _saved(saved, f"{cell.name}[{index}]"), cell)
            for index in range(length)
        )
    return _element(cell.type, _saved(saved, cell.name), cell)


def _element(of: p.Type, array: np.ndarray, cell: p.Cell) -> Any:
    if isinstance(of, p.ScalarType):
        return array.item()
    assert isinstance(of, p.TensorType)
    dtype = "uint16" if of.dtype == "bfloat16" else of.dtype
    fixed = [(dim, size) for dim, size in zip(of.shape, array.shape, strict=False) if isinstance(dim, int)]
    if array.dtype.name != dtype or array.ndim != len(of.shape) or any(dim != size for dim, size in fixed):
        raise InputError(
            f"the saved {cell.name!r} ({cell.path}) is {array.dtype}{list(array.shape)}, "
            f"the program keeps {of.dtype}{list(of.shape)} there"
        )
    return arrays.ready(array.copy())

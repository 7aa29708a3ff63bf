"""The reference interpreter: what a ``Program[torch.fx.Graph]`` means, in torch.

It favours being plainly right over being fast. The checks compare eager PyTorch with it (the check on
the specializer) and the lowered blocks with the graphs it runs (the check on lowering and engine).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, assert_never

import torch

from dyncc.compiler.calling import bind, build, operand_value, raise_error, torch_dtype
from dyncc.compiler.graph import run_graph
from dyncc.runtime.hostops import HOST_OPS
from dyncc.runtime.noise import Noise
from dyncc.runtime.program import (
    Block,
    Branch,
    Compute,
    Const,
    Edge,
    HostOp,
    Jump,
    Program,
    Raise,
    Return,
    Switch,
    TextPart,
    Write,
    lone_value,
    successors,
)

Number: TypeAlias = "bool | int | float"
Env: TypeAlias = "dict[str, Any]"
Tensors: TypeAlias = "tuple[torch.Tensor, ...]"


class StepLimitExceeded(RuntimeError):
    """A call executed more blocks than it was allowed to."""


class Observer:
    """What may watch a run, and script it. The methods of this class do nothing."""

    def read(self, step: HostOp, value: Number) -> Number:
        """A tensor's value becomes a number (``step.op`` is ``item``); the result is used instead."""
        return value

    def static_read(self, step: HostOp, value: Number) -> None:
        """The original reads a tensor here, and the program does not: it knew the value, or a graph goes on
        with the tensor."""

    def block(self, name: str) -> None:
        """A block begins."""

    def edge(self, source: str, index: int, target: str) -> None:
        """Edge ``index`` of the terminator of ``source`` is taken (the order of ``successors``)."""

    def compute(
        self, step: Compute, inputs: tuple[torch.Tensor, ...], outputs: tuple[torch.Tensor, ...]
    ) -> None:
        """A graph has run; numbers are 0-d tensors among ``inputs``."""


class Interpreter:
    """Runs the methods of a program; holds the state that its calls change.

    ``weights`` are the tensors that ``get_attr`` nodes and initial cells name. They are never written.
    ``noise`` is where its random numbers come from.
    """

    def __init__(
        self,
        program: Program[torch.fx.Graph],
        weights: Mapping[str, torch.Tensor],
        *,
        step_limit: int | None = None,
        observer: Observer | None = None,
        noise: Noise | None = None,
    ) -> None:
        self.program = program
        self.weights = weights
        self.step_limit = step_limit
        self.observer = observer or Observer()
        self.noise = noise or Noise()
        self.variant = 0
        self.cells: tuple[Any, ...] = ()
        self.left = False
        """Whether the last call came to a return or a raise of the program, and wrote what it writes."""
        self.reset()

    def reset(self) -> None:
        """Go back to the state in which the program was compiled."""
        self.variant = 0
        self.cells = tuple(
            cell.initial.value
            if isinstance(cell.initial, Const)
            else self.weights[str(cell.initial)].clone()
            for cell in (self.program.states[0].cells if self.program.states else ())
        )

    @torch.no_grad()
    def run(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call ``method`` and return what it returns, as Python objects over torch tensors.

        Raises what the program raises (user classes where importable), :class:`ArgumentError` for
        arguments that do not fit, :class:`StepLimitExceeded`, and whatever a tensor operation raises: the
        arguments and the state are then as they were before the call.
        """
        self.left = False
        interface = self.program.methods[method]
        inputs = bind(interface, args, kwargs)
        entry = interface.entries[self.variant]
        block = self.program.blocks[entry.block]
        values = [*(inputs[name] for name in entry.inputs), *self.cells]
        steps = 0
        while True:
            steps += 1
            if self.step_limit is not None and steps > self.step_limit:
                raise StepLimitExceeded(f"{method}() did not end within {self.step_limit} blocks")
            env = self._execute(block, values)
            edge = self._choose(block, env)
            if edge is None:
                return self._leave(block.terminator, env, inputs)
            values = [operand_value(arg, env) for arg in edge.args]
            block = self.program.blocks[edge.block]

    # ------------------------------------------------------------------------------- in a block

    def _execute(self, block: Block, values: list[Any]) -> Env:
        """The values that ``block`` defines, given those of its parameters."""
        self.observer.block(block.name)
        env = {param.name: value for param, value in zip(block.params, values, strict=True)}
        for step in block.steps:
            if isinstance(step, Compute):
                self._compute(step, env)
            else:
                env[step.result.name] = self._host_op(step, env)
        return env

    def _compute(self, step: Compute, env: Env) -> None:
        inputs = tuple(_as_tensor(operand_value(operand, env)) for operand in step.inputs)
        outputs = self.graph(step.graph, inputs)
        self.observer.compute(step, inputs, outputs)
        for value, output in zip(step.outputs, outputs, strict=True):
            env[value.name] = output

    def graph(self, name: str, inputs: Tensors) -> Tensors:
        """What the graph ``name`` gives for ``inputs``; another kind of graph may be run otherwise."""
        return run_graph(self.program.graphs[name], inputs, self.weights)

    def _host_op(self, step: HostOp, env: Env) -> Any:
        operands = [operand_value(operand, env) for operand in step.operands]
        match step.op:
            case "static_read":
                value = operands[0].item() if isinstance(operands[0], torch.Tensor) else operands[0]
                self.observer.static_read(step, value)
                return value
            case "item":
                return self.observer.read(step, operands[0].item())
            case "stack":
                return torch.stack(operands[0], operands[1])
            case "cat":
                return torch.cat(operands[0], operands[1])
            case "noise":
                return torch.from_numpy(self.noise(*operands))
            case "tensor_of_numbers":
                return torch.tensor(operands[0], dtype=torch_dtype(operands[1]))
            case _:
                return HOST_OPS[step.op].evaluate(*operands)

    def _choose(self, block: Block, env: Env) -> Edge | None:
        """The edge that the terminator takes; None where it leaves the program."""
        terminator = block.terminator
        match terminator:
            case Return() | Raise():
                return None
            case Jump():
                index = 0
            case Branch(pred=pred):
                index = 0 if operand_value(pred, env) else 1
            case Switch(index=operand, values=values):
                number = operand_value(operand, env)
                index = values.index(number) if number in values else len(values)
            case _:
                assert_never(terminator)
        edge = successors(terminator)[index]
        self.observer.edge(block.name, index, edge.block)
        return edge

    # --------------------------------------------------------------------------------- leaving

    def _leave(self, terminator: Any, env: Env, inputs: Mapping[str, Any]) -> Any:
        assert isinstance(terminator, (Return, Raise))
        written = {write.input: inputs[write.input] for write in terminator.writes}
        env = _apart_from(list(written.values()), env)
        output = build(terminator.output, env) if isinstance(terminator, Return) else None
        cells = tuple(operand_value(cell, env) for cell in terminator.cells)
        _write_back(terminator.writes, env, written)
        self.variant, self.cells, self.left = terminator.state, cells, True
        if isinstance(terminator, Raise):
            raise_error(terminator.error, _arguments(terminator.message, env))
        return output


def _as_tensor(value: Any) -> torch.Tensor:
    """A number as the 0-d tensor in which it enters a graph (int64, float64 or bool)."""
    match value:
        case torch.Tensor():
            return value
        case bool():
            return torch.tensor(value)
        case int():
            return torch.tensor(value, dtype=torch.int64)
        case float():
            return torch.tensor(value, dtype=torch.float64)
        case _:
            raise TypeError(f"{type(value).__name__} cannot enter a graph")


def _arguments(parts: tuple[TextPart, ...] | None, env: Env) -> tuple[Any, ...]:
    """Those of an exception: none, a number of the network, or a text."""
    if parts is None:
        return ()
    lone = lone_value(parts)
    if lone is not None:
        return (operand_value(lone, env),)
    return ("".join(_format(part, env) for part in parts),)


def _format(part: TextPart, env: Env) -> str:
    value: Any = operand_value(part.value, env)
    match part.conversion:
        case "r":
            value = repr(value)
        case "s":
            value = str(value)
        case "a":
            value = ascii(value)
        case _:
            pass
    return format(value, part.spec)


def _write_back(writes: tuple[Write, ...], env: Env, targets: Mapping[str, Any]) -> None:
    # All values first: one may be another argument's old value.
    values = [operand_value(write.value, env).clone() for write in writes]
    for write, value in zip(writes, values, strict=True):
        targets[write.input].detach().copy_(value)


def _apart_from(written: list[torch.Tensor], env: Env) -> Env:
    """``env`` with a copy of every tensor that lives in the storage of one of ``written``.

    The values of a program are immutable: a result must not change when an argument is written.
    """
    storages = {tensor.untyped_storage().data_ptr() for tensor in written}

    def apart(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(apart(item) for item in value)
        shares = isinstance(value, torch.Tensor) and value.untyped_storage().data_ptr() in storages
        return value.clone() if shares else value

    return {name: apart(value) for name, value in env.items()} if written else env

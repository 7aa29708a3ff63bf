"""The meaning of a program, block by block: what the generated host is compared with."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dyncc.runtime import program as p
from dyncc.runtime.hostops import HOST_OPS
from dyncc.runtime.limits import Step


class TooLong(Exception):
    """The program took more steps than the interpreter was allowed."""


@dataclass
class Outcome:
    """How a call ended: ``result`` is a value or (exception's name, message)."""

    kind: str
    result: Any
    writes: dict[str, Any] = field(default_factory=dict)
    state: int | None = None
    cells: tuple[Any, ...] = ()
    steps: list[Step] = field(default_factory=list)


def interpret(
    program: p.Program[Any],
    method: str,
    inputs: Mapping[str, Any],
    graphs: Mapping[str, Callable[..., Any]],
    state: int = 0,
    cells: tuple[Any, ...] = (),
    max_steps: int = 300,
) -> Outcome:
    """Run ``method``. ``graphs`` take arrays and numbers, and return a tuple of outputs."""
    entry = program.methods[method].entries[state]
    steps: list[Step] = []
    block = program.blocks[entry.block]
    values: list[Any] = [*(inputs[name] for name in entry.inputs), *cells]
    taken = Step("", state, block.name)
    while True:
        steps.append(taken)
        if len(steps) > max_steps:
            raise TooLong
        env = {param.name: value for param, value in zip(block.params, values, strict=True)}

        def read(operand: p.Operand, env: dict[str, Any] = env) -> Any:
            return env[operand.name] if isinstance(operand, p.Ref) else operand.value

        try:
            for step in block.steps:
                _execute(step, env, read, graphs)
        except Exception as error:  # an instruction of the program raised
            return Outcome("raise", (type(error).__name__, str(error)), steps=steps)
        end = block.terminator
        if isinstance(end, p.Return | p.Raise):
            return _leave(end, read, steps)
        edges = p.successors(end)
        index = 0
        if isinstance(end, p.Branch):
            index = 0 if read(end.pred) else 1
        elif isinstance(end, p.Switch):
            chosen = read(end.index)
            index = end.values.index(chosen) if chosen in end.values else len(end.values)
        edge = edges[index]
        taken = Step(block.name, index, edge.block)
        values = [read(arg) for arg in edge.args]
        block = program.blocks[edge.block]


def _execute(
    step: p.Step,
    env: dict[str, Any],
    read: Callable[[p.Operand], Any],
    graphs: Mapping[str, Callable[..., Any]],
) -> None:
    if isinstance(step, p.HostOp):
        env[step.result.name] = HOST_OPS[step.op].evaluate(*map(read, step.operands))
        return
    results = graphs[step.graph](*map(read, step.inputs))
    for value, result in zip(step.outputs, results, strict=True):
        env[value.name] = result


def _leave(end: p.Return | p.Raise, read: Callable[[p.Operand], Any], steps: list[Step]) -> Outcome:
    writes = {write.input: read(write.value) for write in end.writes}
    cells = tuple(map(read, end.cells))
    if isinstance(end, p.Return):
        return Outcome("return", build(end.output, read), writes, end.state, cells, steps)
    text = "" if end.message is None else "".join(_part(part, read) for part in end.message)
    assert issubclass(getattr(builtins, end.error.base), BaseException)
    return Outcome("raise", (end.error.name, text), writes, end.state, cells, steps)


def _part(part: p.TextPart, read: Callable[[p.Operand], Any]) -> str:
    convert: dict[str, Callable[[Any], Any]] = {"": lambda x: x, "r": repr, "s": str, "a": ascii}
    return format(convert[part.conversion](read(part.value)), part.spec)


def build(tree: p.Tree, read: Callable[[p.Operand], Any]) -> Any:
    """An output tree of plain containers."""
    if isinstance(tree, p.Leaf):
        value = read(tree.value)
        return list(value) if isinstance(value, tuple) else value
    children = [build(child, read) for child in tree.children]
    if tree.kind == "dict":
        return dict(zip(tree.keys, children, strict=True))
    return {"tuple": tuple, "list": list, "set": set}[tree.kind](children)

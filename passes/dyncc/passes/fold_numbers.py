"""Compute what is known of the host's numbers before the program runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from dyncc.ir import (
    Block,
    Branch,
    Const,
    Edge,
    HostOp,
    Operand,
    Program,
    Ref,
    Step,
    Switch,
    TensorType,
    Terminator,
    Type,
)
from dyncc.ir.instructions import evaluate
from dyncc.ir.subtyping import accepts, constant_type
from dyncc.passes.base import GraphOps, Result
from dyncc.passes.rewrite import map_step, map_terminator, substitution, types_of

G = TypeVar("G")

_READS = frozenset(("item", "static_read"))
"""They stay: the checks count them."""


@dataclass(frozen=True, slots=True)
class FoldNumbers:
    """Replaces a host instruction on constants by its result, a size that a tensor's type tells, and what a
    decision is on by what it is on each side (``jump join(c)`` where ``c`` is false).

    What raises on its constants stays, and so does what has no number, flag or text as its result. With
    ``dedupe-params`` before it and ``drop-dead`` after it this is constant propagation: a peeled first turn
    of a loop tests what its counter begins with.
    """

    name: ClassVar[str] = "fold-numbers"

    def run(self, program: Program[G], graphs: GraphOps[G]) -> Result[G]:
        folded = {name: _folded(block) for name, block in program.blocks.items()}
        notes = [
            f"`{step.result.name}` of `{name}` is known"
            for name, block in program.blocks.items()
            for step in block.steps
            if isinstance(step, HostOp) and step.result.name not in types_of(folded[name])
        ]
        notes += [
            f"what `{name}` decides on is known on each side"
            for name, block in program.blocks.items()
            if _with_answers(block.terminator) != block.terminator
        ]
        if not notes:
            return Result(program, False)
        return Result(replace(program, blocks=folded), True, tuple(notes))


def _folded(block: Block) -> Block:
    types = types_of(block)
    known: dict[str, Operand] = {}
    change = substitution(known)
    steps: list[Step] = []
    for step in block.steps:
        changed = map_step(step, change)
        result = _result(changed, types) if isinstance(changed, HostOp) else None
        if result is None:
            steps.append(changed)
        else:
            known[changed.result.name] = result  # type: ignore[union-attr]
    terminator = _with_answers(map_terminator(block.terminator, change))
    if not known and terminator == block.terminator:
        return block
    return replace(block, steps=tuple(steps), terminator=terminator)


def _with_answers(terminator: Terminator) -> Terminator:
    """A decision whose edges pass on what it is on as the constant that it is there."""

    def told(edge: Edge, value: bool | int) -> Edge:
        args = (Const(value) if arg == decided and isinstance(arg, Ref) else arg for arg in edge.args)
        return Edge(edge.block, tuple(args))

    match terminator:
        case Branch(pred=decided, then=then, orelse=orelse):
            return replace(terminator, then=told(then, True), orelse=told(orelse, False))
        case Switch(index=decided, values=values, cases=cases):
            return replace(terminator, cases=tuple(map(told, cases, values)))
        case _:
            return terminator


def _result(step: HostOp, types: Mapping[str, Type]) -> Const | None:
    """The constant that an instruction gives; None where it is not known."""
    if step.op in _READS:
        return None
    if step.op == "dim":
        return _size(step, types)
    if not all(isinstance(operand, Const) for operand in step.operands):
        return None
    try:
        value = evaluate(step.op, *(operand.value for operand in step.operands))  # type: ignore[union-attr]
    except Exception:
        return None
    if type(value) not in (bool, int, float, str) or (type(value) is float and not math.isfinite(value)):
        return None
    made = Const(value)
    type_ = constant_type(made)
    return made if type_ is not None and accepts(step.result.type, type_) else None


def _size(step: HostOp, types: Mapping[str, Type]) -> Const | None:
    tensor, axis = step.operands
    if not isinstance(tensor, Ref) or not isinstance(axis, Const) or not isinstance(axis.value, int):
        return None
    type_ = types[tensor.name]
    if not isinstance(type_, TensorType):
        return None
    size = type_.shape[axis.value]
    return Const(size) if isinstance(size, int) else None

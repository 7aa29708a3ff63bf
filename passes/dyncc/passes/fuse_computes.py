"""Make one graph of Computes that follow each other in a block: what merge-blocks does when blocks meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from dyncc.ir import Block, Compute, Const, Dim, HostOp, Operand, Ref, Step, Type
from dyncc.ir.instructions import may_raise
from dyncc.ir.subtyping import constant_type
from dyncc.ir.symbols import unify
from dyncc.passes.base import FromInput, FromOutput, GraphOps, Source
from dyncc.passes.rewrite import fresh_name, operand_key, operands, results, types_of

G = TypeVar("G")


class Fusion(Generic[G]):
    """Fuses the Computes of blocks; ``graphs`` and ``uses`` are kept up to date."""

    def __init__(self, graphs: Mapping[str, G], uses: Mapping[str, int], ops: GraphOps[G]) -> None:
        self.graphs = dict(graphs)
        self.uses = dict(uses)
        self.ops = ops

    def fuse(self, block: Block) -> Block:
        """The block with as few Computes as its host instructions allow."""
        types = types_of(block)
        steps = list(block.steps)
        position = 0
        while position < len(steps):
            if not (isinstance(steps[position], Compute) and self.join_next(steps, position, types)):
                position += 1
        return block if tuple(steps) == block.steps else replace(block, steps=tuple(steps))

    def join_next(self, steps: list[Step], position: int, types: Mapping[str, Type]) -> bool:
        """Fuse the Compute at ``position`` with the next one, if either can move to the other."""
        first = steps[position]
        following = next(
            (i for i in range(position + 1, len(steps)) if isinstance(steps[i], Compute)), None
        )
        if following is None:
            return False
        second, between = steps[following], steps[position + 1 : following]
        assert isinstance(first, Compute) and isinstance(second, Compute)
        if any(isinstance(step, HostOp) and _raises(step, types) for step in between):
            return False
        if self.ops.separate(self.graphs[second.graph]):
            return False
        made = {value.name for step in between for value in results(step)}
        used = {use.name for step in between for use in operands(step) if isinstance(use, Ref)}
        earlier = not _names(second.inputs) & made
        if not earlier and {value.name for value in first.outputs} & used:
            return False
        joined = self.joined(first, second, types)
        steps[position : following + 1] = [joined, *between] if earlier else [*between, joined]
        return True

    def joined(self, first: Compute, second: Compute, types: Mapping[str, Type]) -> Compute:
        outputs = {value.name: index for index, value in enumerate(first.outputs)}
        inputs = list(first.inputs)
        known = {operand_key(operand): index for index, operand in enumerate(inputs)}
        sources: list[Source] = []
        for operand in second.inputs:
            if isinstance(operand, Ref) and operand.name in outputs:
                sources.append(FromOutput(outputs[operand.name]))
                continue
            index = known.setdefault(operand_key(operand), len(inputs))
            if index == len(inputs):
                inputs.append(operand)
            sources.append(FromInput(index))
        graph = self.ops.concatenate(self.in_scope(first, types), self.in_scope(second, types), sources)
        name = self.replace((first.graph, second.graph), graph)
        return Compute(name, tuple(inputs), first.outputs + second.outputs, first.span or second.span)

    def in_scope(self, step: Compute, types: Mapping[str, Type]) -> G:
        """The step's graph with its symbols named as in the block."""
        graph = self.graphs[step.graph]
        symbols: dict[str, Dim] = {}
        known = self.ops.types(graph)
        for mine, theirs in zip(known[0], operand_types(step.inputs, types), strict=True):
            if mine is not None and theirs is not None:
                unify(mine, theirs, symbols)
        for mine, value in zip(known[1], step.outputs, strict=True):
            if mine is not None:
                unify(mine, value.type, symbols)
        renamed = {symbol: dim for symbol, dim in symbols.items() if symbol != dim}
        return self.ops.rename_symbols(graph, renamed) if renamed else graph

    def replace(self, old: Sequence[str], graph: G) -> str:
        """Keep ``graph`` for these, which are used once less; it takes the first's name if it is free."""
        for name in old:
            self.uses[name] -= 1
            if not self.uses[name]:
                self.graphs.pop(name)
        name = fresh_name(old[0], self.graphs)
        self.graphs[name] = graph
        self.uses[name] = 1
        return name


def _names(uses: Sequence[Operand]) -> set[str]:
    return {use.name for use in uses if isinstance(use, Ref)}


def operand_types(uses: Sequence[Operand], types: Mapping[str, Type]) -> list[Type | None]:
    """The types of operands in a block whose values have ``types``; None for what is no value."""
    return [constant_type(use) if isinstance(use, Const) else types[use.name] for use in uses]


def _raises(step: HostOp, types: Mapping[str, Type]) -> bool:
    return may_raise(step, operand_types(step.operands, types))

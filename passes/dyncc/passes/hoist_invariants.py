"""Move out of a loop what it repeats unchanged.

A loop is a set of blocks each of which can come to each other, entered at one of them, its head. A
parameter of the head is invariant when every way around the loop passes it on as it is; a parameter of
another block of the loop when every way to that block passes it the same invariant. What a graph of the
loop computes from invariants and weights alone moves into a block before the head (``merge-blocks`` may
join it with what is there) and comes back as further parameters::

    pre(p, …):      t = compute g.first(p)                      jump head(p, …, t)
    body(p, …, t):  y = compute g.rest(p, …, t)

Refuses loops that are entered at several blocks, graphs that write in place, work that may fail (it would
fail also where the loop runs not once), results whose size is free, and what is no work worth a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Generic, TypeVar

from dyncc.ir import Block, Compute, Edge, Jump, Program, Ref, Step, TensorType, Value, successors
from dyncc.passes.base import GraphOps, Result
from dyncc.passes.rewrite import entry_blocks, fresh_name, map_edges, map_entries, values

G = TypeVar("G")


@dataclass(frozen=True, slots=True)
class HoistInvariants:
    """Move out of a loop what it repeats unchanged."""

    name: ClassVar[str] = "hoist-invariants"

    def run(self, program: Program[G], graphs: GraphOps[G]) -> Result[G]:
        notes: list[str] = []
        for head, members in loops(program):
            loop = _Loop(program, head, members, graphs)
            if loop.find():
                program = loop.program_after()
                notes.append(f"{len(loop.moved)} values of the loop at `{head}` are computed before it")
        return Result(program, bool(notes), tuple(notes))


def loops(program: Program[G]) -> list[tuple[str, tuple[str, ...]]]:
    """The loops that are entered at one block: the block, and all of the loop in their order."""
    reach = _reachable(program.blocks)
    entries, found, seen = entry_blocks(program), [], set[str]()
    for name in program.blocks:
        members = tuple(other for other in program.blocks if other in reach[name] and name in reach[other])
        if name in seen or not members:
            continue
        seen.update(members)
        heads = {
            edge.block
            for other, block in program.blocks.items()
            if other not in members
            for edge in successors(block.terminator)
            if edge.block in members
        } | (entries & set(members))
        if len(heads) == 1:
            found.append((heads.pop(), members))
    return found


def _reachable(blocks: Mapping[str, Block]) -> dict[str, set[str]]:
    """For each block those that can run after it."""
    next_of = {
        name: {edge.block for edge in successors(block.terminator)} for name, block in blocks.items()
    }
    found: dict[str, set[str]] = {}
    for name in blocks:
        reached: set[str] = set()
        pending = list(next_of[name])
        while pending:
            other = pending.pop()
            if other not in reached:
                reached.add(other)
                pending.extend(next_of[other])
        found[name] = reached
    return found


@dataclass
class _Loop(Generic[G]):
    program: Program[G]
    head: str
    members: Sequence[str]
    ops: GraphOps[G]
    moved: list[Value] = field(default_factory=list[Value])
    """New values, under names that no block of the loop has."""
    before: list[Compute] = field(default_factory=list[Compute])
    graphs: dict[str, G] = field(default_factory=dict[str, G])
    rewritten: dict[tuple[str, int], Compute] = field(default_factory=dict[tuple[str, int], Compute])

    def find(self) -> bool:
        """Look at every Compute of the loop."""
        origins = self._origins()
        for name in self.members:
            for index, step in enumerate(self.program.blocks[name].steps):
                if isinstance(step, Compute):
                    self._take(name, index, step, origins[name])
        return bool(self.moved)

    def _take(self, name: str, index: int, step: Compute, origins: Mapping[str, int]) -> None:
        fixed = [
            position
            for position, operand in enumerate(step.inputs)
            if isinstance(operand, Ref) and operand.name in origins
        ]
        parts = self.ops.split(self.program.graphs[step.graph], fixed) if fixed else None
        if parts is None:
            return
        first, rest = parts
        taken = {*self.program.graphs, *self.graphs}
        first_name = fresh_name(f"{step.graph}.first", taken)
        rest_name = fresh_name(f"{step.graph}.rest", {*taken, first_name})
        types = self.ops.types(first)[1]
        made: list[Value] = []
        for type_ in types:
            made.append(self._value(type_, made))
        params = self.program.blocks[self.head].params
        given = tuple(Ref(params[origins[operand.name]].name) for operand in self._refs(step, fixed))
        self.graphs[first_name], self.graphs[rest_name] = first, rest
        self.before.append(Compute(first_name, given, tuple(made), step.span))
        inputs = (*step.inputs, *(Ref(value.name) for value in made))
        self.rewritten[name, index] = replace(step, graph=rest_name, inputs=inputs)
        self.moved += made

    def _refs(self, step: Compute, positions: Sequence[int]) -> list[Ref]:
        return [operand for position in positions if isinstance(operand := step.inputs[position], Ref)]

    def _value(self, type_: object, made: Sequence[Value]) -> Value:
        assert isinstance(type_, TensorType), "the parts of a graph have types"
        taken = {value.name for name in self.members for value in values(self.program.blocks[name])}
        return Value(fresh_name("fixed", taken | {value.name for value in (*self.moved, *made)}), type_)

    def _origins(self) -> dict[str, dict[str, int]]:
        """Of each block of the loop the parameters that are invariants, with the head's parameter."""
        blocks = self.program.blocks
        head = blocks[self.head]
        found: dict[str, dict[str, int]] = {
            name: {param.name: -1 for param in blocks[name].params} for name in self.members
        }
        found[self.head] = {param.name: index for index, param in enumerate(head.params)}
        while self._narrowed(found):
            pass
        return found

    def _narrowed(self, found: dict[str, dict[str, int]]) -> bool:
        """Follow every edge of the loop once; -1 is not known yet. Whether anything changed."""
        changed = False
        for name in self.members:
            for edge in successors(self.program.blocks[name].terminator):
                if edge.block not in found:
                    continue
                for param, arg in zip(self.program.blocks[edge.block].params, edge.args, strict=True):
                    if param.name not in found[edge.block]:
                        continue
                    origin = found[name].get(arg.name) if isinstance(arg, Ref) else None
                    known = found[edge.block][param.name]
                    if origin == -1 or origin == known:
                        continue
                    changed = True
                    if known == -1 and origin is not None:
                        found[edge.block][param.name] = origin
                    else:
                        del found[edge.block][param.name]
        return changed

    # ------------------------------------------------------------------------------------ rewriting

    def program_after(self) -> Program[G]:
        """The program with a block before the head, and the moved values as parameters of the loop."""
        program = self.program
        pre = fresh_name(f"{self.head}.before", program.blocks)
        blocks: dict[str, Block] = {}
        for name, block in program.blocks.items():
            if name == self.head:
                blocks[pre] = self._before(pre)
            if name in self.members:
                blocks[name] = self._member(name, block)
            else:
                blocks[name] = replace(block, terminator=map_edges(block.terminator, self._entering(pre)))
        used = {
            step.graph for block in blocks.values() for step in block.steps if isinstance(step, Compute)
        }
        graphs = {name: graph for name, graph in {**program.graphs, **self.graphs}.items() if name in used}
        return map_entries(replace(program, blocks=blocks, graphs=graphs), {self.head: pre})

    def _entering(self, pre: str) -> Callable[[Edge], Edge]:
        return lambda edge: Edge(pre, edge.args) if edge.block == self.head else edge

    def _before(self, name: str) -> Block:
        head = self.program.blocks[self.head]
        args = (*(Ref(param.name) for param in head.params), *(Ref(value.name) for value in self.moved))
        return Block(
            name, head.params, tuple(self.before), Jump(Edge(self.head, args)), head.spans, head.note
        )

    def _member(self, name: str, block: Block) -> Block:
        steps: list[Step] = [
            self.rewritten.get((name, index), step) for index, step in enumerate(block.steps)
        ]
        more = tuple(Ref(value.name) for value in self.moved)

        def onward(edge: Edge) -> Edge:
            return Edge(edge.block, (*edge.args, *more)) if edge.block in self.members else edge

        return replace(
            block,
            params=(*block.params, *self.moved),
            steps=tuple(steps),
            terminator=map_edges(block.terminator, onward),
        )

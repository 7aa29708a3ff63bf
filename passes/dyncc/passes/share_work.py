"""Compute once what a block and the blocks after it would compute again.

Two cases, both of work (layers and what depends on them) on the same values. What a block computes and a
block that only it leads to computes again is passed on (common subexpressions across blocks)::

    a:  y = compute f(x)    branch … ? b(x) : c        a:  s = compute f.shared(x)
                                                →          y = compute f.rest(x, s)   branch … ? b(x, s) : c
    b:  z = compute g(x)                               b:  z = compute g.rest(x, s)

With ``sides``, what all sides of a decision compute is computed before it (code hoisting; Aho et al.,
*Compilers*, 2nd ed., section 9.5): the engine has it once. That saves memory and no time, since a call
takes one of the sides, and the value on its way costs some (3 % of a small transformer): it is not the
default.

Refuses graphs that write in place, work that may fail, results whose size is free, and blocks to which
other blocks lead, or the start of a method.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar

from dyncc.ir import Block, Branch, Compute, Edge, Operand, Program, Ref, Step, Switch, Value, successors
from dyncc.passes.base import Common, GraphOps, Result
from dyncc.passes.rewrite import (
    entry_blocks,
    fresh_name,
    incoming,
    map_edges,
    operand_key,
    values,
    with_blocks,
)

G = TypeVar("G")


@dataclass(frozen=True, slots=True)
class ShareWork:
    """Compute once what blocks have in common."""

    name: ClassVar[str] = "share-work"
    sides: bool = False

    def run(self, program: Program[G], graphs: GraphOps[G]) -> Result[G]:
        work = _Sharing(program, graphs)
        for name in program.blocks:
            while (self.sides and work.sides(name)) or work.again(name):
                pass
        if not work.notes:
            return Result(program, False)
        return Result(with_blocks(program, work.blocks, work.graphs), True, tuple(work.notes))


class _Sharing(Generic[G]):
    def __init__(self, program: Program[G], ops: GraphOps[G]) -> None:
        self.ops = ops
        self.entries = entry_blocks(program)
        self.blocks: dict[str, Block] = dict(program.blocks)
        self.graphs: dict[str, G] = dict(program.graphs)
        self.ways = incoming(program.blocks)
        self.notes: list[str] = []

    def sides(self, name: str) -> bool:
        """Compute before a decision what all of its sides compute. Whether there was something."""
        block = self.blocks[name]
        edges = successors(block.terminator)
        if not isinstance(block.terminator, Branch | Switch) or not all(map(self._is_alone, edges)):
            return False
        firsts = [self._first(edge) for edge in edges]
        if len({edge.block for edge in edges}) != len(edges) or any(first is None for first in firsts):
            return False
        steps = [first for first in firsts if first is not None]
        found = self.ops.common([self.graphs[step.graph] for step, _ in steps], [keys for _, keys in steps])
        if found is None:
            return False
        given = self._computed(name, len(block.steps), found, [keys for _, keys in steps], edges)
        for (step, _), edge, rest in zip(steps, edges, found.rests, strict=True):
            self._pass_on(name, edge.block, step, rest, given)
        self.notes.append(f"{len(given)} values that all sides of `{name}` compute are computed before")
        return True

    def again(self, name: str) -> bool:
        """Pass on what a block computes and one after it computes again. Whether there was something."""
        block = self.blocks[name]
        for edge in successors(block.terminator):
            first = self._first(edge) if self._is_alone(edge) else None
            if first is None or edge.block == name:
                continue
            for index, step in enumerate(block.steps):
                if not isinstance(step, Compute):
                    continue
                own = [operand_key(use) for use in step.inputs]
                found = self.ops.common(
                    [self.graphs[step.graph], self.graphs[first[0].graph]], [own, first[1]]
                )
                if found is None:
                    continue
                given = self._computed(name, index, found, [own], [Edge(edge.block, step.inputs)])
                self._replace(name, step, found.rests[0], given)
                self._pass_on(name, edge.block, first[0], found.rests[1], given)
                self.notes.append(f"`{edge.block}` is given {len(given)} values that `{name}` computes")
                return True
        return False

    def _is_alone(self, edge: Edge) -> bool:
        """Whether nothing else leads to where an edge leads."""
        return len(self.ways[edge.block]) == 1 and edge.block not in self.entries

    def _first(self, edge: Edge) -> tuple[Compute, list[Hashable]] | None:
        """The first graph of a block, and what its inputs are in the block from which the edge comes."""
        block = self.blocks[edge.block]
        given = {param.name: arg for param, arg in zip(block.params, edge.args, strict=True)}
        step = next((step for step in block.steps if isinstance(step, Compute)), None)
        if step is None:
            return None
        keys: list[Hashable] = []
        for number, use in enumerate(step.inputs):
            operand: Operand | None = given.get(use.name) if isinstance(use, Ref) else use
            keys.append(("own", edge.block, number) if operand is None else operand_key(operand))
        return step, keys

    # ------------------------------------------------------------------------------------ rewriting

    def _computed(
        self,
        name: str,
        index: int,
        found: Common[G],
        keys: Sequence[Sequence[Hashable]],
        edges: Sequence[Edge],
    ) -> list[Value]:
        """Put the shared work before step ``index`` of a block; returns its results."""
        block = self.blocks[name]
        known: dict[Hashable, Operand] = {operand_key(use): use for edge in edges for use in edge.args}
        taken = {value.name for other in self.blocks.values() for value in values(other)}
        made: list[Value] = []
        for type_ in self.ops.types(found.shared)[1]:
            assert type_ is not None, "shared values have types"
            made.append(Value(fresh_name("shared", taken | {value.name for value in made}), type_))
        graph = fresh_name(f"{name}.shared", self.graphs)
        self.graphs[graph] = found.shared
        step = Compute(graph, tuple(known[source] for source in found.sources), tuple(made))
        steps = (*block.steps[:index], step, *block.steps[index:])
        self.blocks[name] = replace(block, steps=steps)
        return made

    def _replace(self, name: str, step: Compute, rest: G, given: Sequence[Value]) -> None:
        block = self.blocks[name]
        graph = fresh_name(f"{step.graph}.rest", self.graphs)
        self.graphs[graph] = rest
        new = replace(step, graph=graph, inputs=(*step.inputs, *(Ref(value.name) for value in given)))
        steps: list[Step] = [new if each is step else each for each in block.steps]
        self.blocks[name] = replace(block, steps=tuple(steps))

    def _pass_on(self, source: str, target: str, step: Compute, rest: G, given: Sequence[Value]) -> None:
        """Give ``target`` the values as further parameters, and its graph as further inputs."""
        more = tuple(Ref(value.name) for value in given)

        def onward(edge: Edge) -> Edge:
            return Edge(edge.block, (*edge.args, *more)) if edge.block == target else edge

        block = self.blocks[source]
        self.blocks[source] = replace(block, terminator=map_edges(block.terminator, onward))
        self.blocks[target] = replace(self.blocks[target], params=(*self.blocks[target].params, *given))
        self._replace(target, step, rest, given)

"""Replace a small branch by a choice between values that are both computed (if-conversion).

A decision costs a call into the engine on either side of it. Where both sides are small, cannot fail and
meet again at once, they are computed together, and the decision chooses (Allen et al., *Conversion of
control dependence to data dependence*, POPL 1983)::

    a:     n, c = compute g(x)                              a:     n, y = compute g.f.where(x)
           branch item(c) ? scale(x, n) : join(x)     →            jump join(y)
    scale: y = compute f(x, n)      jump join(y)

Where all that is chosen between are tensors and the number that decides is needed for nothing else, the
choice is made in the graph, and nothing is read (the checks still see what the original reads there, by a
``static_read``). Otherwise it is an instruction of the host.

Refuses sides that may fail, that have more than ``operators`` calls, more than ``elements`` elements to
compute or more than ``instructions`` of the host, that write, draw, or read a tensor's value, and tensors
whose types differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Generic, TypeVar

from dyncc.ir import (
    Block,
    Branch,
    Compute,
    Const,
    Edge,
    HostOp,
    Jump,
    Operand,
    Program,
    Ref,
    Step,
    TensorType,
    Type,
    Value,
)
from dyncc.ir.instructions import may_raise
from dyncc.ir.subtyping import constant_type
from dyncc.passes.base import GraphOps, Result
from dyncc.passes.fuse_computes import operand_types
from dyncc.passes.merge_blocks import joined
from dyncc.passes.rewrite import (
    entry_blocks,
    fresh_name,
    incoming,
    operand_key,
    operands,
    results,
    types_of,
    with_blocks,
)

G = TypeVar("G")

STAYS = frozenset(("item", "static_read", "noise", "raises"))
"""Instructions of the host that run as often as they do."""


@dataclass(frozen=True, slots=True)
class SelectBranches:
    """Replaces small branches by choices."""

    name: ClassVar[str] = "select-branches"
    operators: int = 4
    elements: int = 1 << 14
    instructions: int = 4

    def run(self, program: Program[G], graphs: GraphOps[G]) -> Result[G]:
        work = _Selection(self, program, graphs)
        while any([work.branch(name) for name in program.blocks]):
            pass
        if not work.notes:
            return Result(program, False)
        return Result(with_blocks(program, work.blocks, work.graphs), True, tuple(work.notes))


class _Selection(Generic[G]):
    def __init__(self, limits: SelectBranches, program: Program[G], ops: GraphOps[G]) -> None:
        self.limits = limits
        self.ops = ops
        self.entries = entry_blocks(program)
        self.blocks: dict[str, Block] = dict(program.blocks)
        self.graphs: dict[str, G] = dict(program.graphs)
        self.notes: list[str] = []

    def branch(self, name: str) -> bool:
        """Replace the branch at the end of a block if it may be. Whether it was."""
        block = self.blocks.get(name)
        if block is None or not isinstance(block.terminator, Branch):
            return False
        branch = block.terminator
        if not isinstance(branch.pred, Ref):
            return False
        arms = self._arms(name, branch)
        if arms is None:
            return False
        target, sides = arms
        whole, ends = block, list[Edge]()
        for edge, side in zip((branch.then, branch.orelse), sides, strict=True):
            if side is not None:
                whole = joined(replace(whole, terminator=Jump(edge)), self.blocks[side], edge.args)
                assert isinstance(whole.terminator, Jump)
                edge = whole.terminator.target
            ends.append(edge)
        choice = _Choice(whole, branch, self)
        chosen = choice.between(ends[0], ends[1])
        if chosen is None:
            return False
        self.blocks[name] = chosen
        self.graphs |= choice.graphs
        for side in sides:
            if side is not None:
                del self.blocks[side]
        self.notes.append(
            f"`{name}` chooses between values, both of which it computes, and goes to `{target}`"
        )
        return True

    def _arms(self, name: str, branch: Branch) -> tuple[str, tuple[str | None, str | None]] | None:
        """Where both sides meet, and the block of each side; None for a side that leads there directly."""
        ways = incoming(self.blocks)

        def beyond(edge: Edge) -> str | None:
            side = self.blocks[edge.block]
            alone = len(ways[edge.block]) == 1 and edge.block not in self.entries and edge.block != name
            return side.terminator.target.block if alone and isinstance(side.terminator, Jump) else None

        then, orelse = branch.then.block, branch.orelse.block
        past, other = beyond(branch.then), beyond(branch.orelse)
        found: tuple[str, tuple[str | None, str | None]] | None = None
        if then == orelse:
            found = (then, (None, None))
        elif past == orelse:
            found = (orelse, (then, None))
        elif other == then:
            found = (then, (None, orelse))
        elif past is not None and past == other:
            found = (past, (then, orelse))
        small = found is not None and all(side is None or self._is_small(side) for side in found[1])
        return found if small else None

    def _is_small(self, name: str) -> bool:
        """Whether a block may run in vain."""
        block = self.blocks[name]
        types = types_of(block)
        graphs = [self.graphs[step.graph] for step in block.steps if isinstance(step, Compute)]
        host = [step for step in block.steps if isinstance(step, HostOp)]
        if len(host) > self.limits.instructions or not all(map(self.ops.total, graphs)):
            return False
        if any(step.op in STAYS or may_raise(step, operand_types(step.operands, types)) for step in host):
            return False
        sizes = [self.ops.size(graph) for graph in graphs]
        return sum(size.operators for size in sizes) <= self.limits.operators and all(
            size.elements is not None and size.elements <= self.limits.elements for size in sizes
        )


@dataclass
class _Choice(Generic[G]):
    """A block with the steps of both sides, which ends by choosing."""

    block: Block
    branch: Branch
    work: _Selection[G]
    graphs: dict[str, G] = field(default_factory=dict[str, G])
    steps: list[Step] = field(default_factory=list[Step])

    def between(self, then: Edge, orelse: Edge) -> Block | None:
        """The block that goes on with a choice between the arguments of two edges to one block."""
        self.steps = list(self.block.steps)
        types = types_of(self.block)
        pairs = list(zip(then.args, orelse.args, strict=True))
        differing = {
            (operand_key(one), operand_key(other)): (one, other)
            for one, other in pairs
            if operand_key(one) != operand_key(other)
        }
        results: dict[tuple[object, object], Operand] = {}
        kinds: dict[tuple[object, object], Type] = {}
        for key, (one, other) in differing.items():
            type_ = self._common(*operand_types((one, other), types))
            if type_ is None:
                return None
            kinds[key] = type_
        inside = all(map(self._is_small, kinds.values()))
        pred = self._in_graph(then, orelse) if inside else None
        for key, (one, other) in differing.items():
            results[key] = self._select(pred, one, other, kinds[key])
        args = tuple(results.get((operand_key(one), operand_key(other)), one) for one, other in pairs)
        jump = Jump(Edge(then.block, args), self.branch.span)
        return replace(self.block, steps=tuple(self.steps), terminator=jump)

    def _common(self, one: Type | None, other: Type | None) -> Type | None:
        """The type of what is chosen; None where that is not one type."""
        return one if one is not None and one == other else None

    def _is_small(self, type_: Type) -> bool:
        """Whether a value may be copied by a choice in the graph; the host chooses without a copy."""
        if not isinstance(type_, TensorType) or any(isinstance(size, str) for size in type_.shape):
            return False
        return math.prod(map(int, type_.shape)) <= self.work.limits.elements

    def _select(self, pred: Operand | None, one: Operand, other: Operand, type_: Type) -> Ref:
        taken = {value for step in self.steps for value in _names(step)}
        taken |= {param.name for param in self.block.params}
        name = fresh_name("chosen", taken)
        if pred is not None and isinstance(type_, TensorType):
            graph = self._graph("choice", self.work.ops.choice(type_))
            self.steps.append(Compute(graph, (pred, one, other), (Value(name, type_),), self.branch.span))
        else:
            step = HostOp("select", (self.branch.pred, one, other), Value(name, type_), self.branch.span)
            self.steps.append(step)
        return Ref(name)

    def _graph(self, name: str, graph: G) -> str:
        made = fresh_name(f"{self.block.name}.{name}", {*self.work.graphs, *self.graphs})
        self.graphs[made] = graph
        return made

    # ----------------------------------------------------------------------------- the predicate

    def _in_graph(self, then: Edge, orelse: Edge) -> Operand | None:
        """The predicate as a tensor, made of tensors; None where the host has to decide."""
        made_by = {step.result.name: step for step in self.steps if isinstance(step, HostOp)}
        needed: list[HostOp] = []
        pending: list[Operand] = [self.branch.pred]
        seen = set[str]()
        while pending:
            use = pending.pop()
            if not isinstance(use, Ref) or use.name in seen:
                continue
            step = made_by.get(use.name)
            if step is None:
                return None  # a parameter, which the host has
            seen.add(use.name)
            needed.append(step)
            if step.op != "item":
                pending += step.operands
        if not any(step.op == "item" for step in needed) or self._used_otherwise(seen, then, orelse):
            return None
        return self._as_tensors([step for step in self.steps if step in needed])

    def _used_otherwise(self, names: set[str], then: Edge, orelse: Edge) -> bool:
        """Whether one of these numbers is used beside the decision: then it is read, and read once."""
        uses = [use for step in self.steps if not names & set(_names(step)) for use in operands(step)]
        uses += [*then.args, *orelse.args]
        return any(isinstance(use, Ref) and use.name in names for use in uses)

    def _unread(self, step: Step, needed: Sequence[Step]) -> Step:
        """In the place of a read that is none any more, what the checks see of it."""
        if isinstance(step, HostOp) and step in needed:
            return replace(step, op="static_read")
        return step

    def _as_tensors(self, needed: Sequence[Step]) -> Operand | None:
        types = types_of(self.block)
        tensors: dict[str, Operand] = {}
        kinds: dict[str, Type] = {}
        steps, graphs = list[Step](), dict[str, G]()
        taken = {value for step in self.steps for value in _names(step)}
        taken |= {param.name for param in self.block.params}
        for step in needed:
            assert isinstance(step, HostOp)
            uses = tuple(
                tensors.get(use.name, use) if isinstance(use, Ref) else use for use in step.operands
            )
            given = [
                constant_type(use) if isinstance(use, Const) else kinds.get(use.name) or types[use.name]
                for use in uses
            ]
            if any(type_ is None for type_ in given):
                return None
            made = self.work.ops.host_step(step.op, [type_ for type_ in given if type_ is not None])
            if made is None:
                return None
            graph, type_ = made
            name = fresh_name(f"{step.result.name}.tensor", taken)
            taken.add(name)
            known = {*self.work.graphs, *self.graphs, *graphs}
            graph_name = fresh_name(f"{self.block.name}.{step.op}", known)
            graphs[graph_name] = graph
            steps.append(Compute(graph_name, uses, (Value(name, type_),), step.span))
            tensors[step.result.name], kinds[name] = Ref(name), type_
        self.steps = [
            self._unread(step, needed) for step in self.steps if step not in needed or _reads(step)
        ] + steps
        self.graphs |= graphs
        assert isinstance(self.branch.pred, Ref)
        return tensors[self.branch.pred.name]


def _reads(step: Step) -> bool:
    return isinstance(step, HostOp) and step.op == "item"


def _names(step: Step) -> list[str]:
    return [value.name for value in results(step)]

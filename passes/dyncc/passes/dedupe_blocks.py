"""Give blocks that do the same thing one copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

from dyncc.ir import (
    Block,
    Branch,
    Compute,
    Const,
    Dim,
    Edge,
    HostOp,
    Jump,
    Operand,
    Program,
    Raise,
    Return,
    Span,
    Step,
    Switch,
    Terminator,
    Type,
    successors,
)
from dyncc.ir.instructions import may_raise
from dyncc.ir.printer import type_text
from dyncc.ir.subtyping import constant_type
from dyncc.ir.symbols import substitute, symbols_of
from dyncc.passes.base import GraphOps, Result
from dyncc.passes.rewrite import (
    map_edges,
    map_entries,
    map_tree,
    operand_key,
    results,
    types_of,
    used_graphs,
    values,
)

G = TypeVar("G")


@dataclass(frozen=True, slots=True)
class DedupeBlocks:
    """Merges blocks that are equal but for names: same types, steps, graphs and equal successors.

    "Equal successors" is taken as far as it goes (partition refinement as for the states of an
    automaton: Hopcroft, *An n log n algorithm for minimizing states in a finite automaton*, 1971), so
    that equal loops become one. Graphs are equal by digest. What may raise is equal only where it
    comes from the same place of the source, which a traceback names. The copy that is kept is the first
    in the program's order; it takes over the source places of the others.
    """

    name: ClassVar[str] = "dedupe-blocks"

    def run(self, program: Program[G], graphs: GraphOps[G]) -> Result[G]:
        used = used_graphs(program.blocks.values())
        digests = {name: graphs.digest(program.graphs[name]) for name in used}
        leaders = _leaders(program.blocks, digests)
        groups: dict[str, list[str]] = {}
        for name, leader in leaders.items():
            groups.setdefault(leader, []).append(name)
        if len(groups) == len(program.blocks):
            return Result(program, False)

        def edge(old: Edge) -> Edge:
            return replace(old, block=leaders[old.block])

        blocks: dict[str, Block] = {}
        for leader, members in groups.items():
            spans = dict.fromkeys(span for name in members for span in program.blocks[name].spans)
            block = program.blocks[leader]
            steps = _placed([program.blocks[name].steps for name in members])
            blocks[leader] = replace(
                block, steps=steps, terminator=map_edges(block.terminator, edge), spans=tuple(spans)
            )
        left = used_graphs(blocks.values())
        kept = {name: graph for name, graph in program.graphs.items() if name in left or name not in used}
        notes = [
            f"`{name}` is the same as `{leader}`" for name, leader in leaders.items() if name != leader
        ]
        changed = replace(map_entries(program, leaders), blocks=blocks, graphs=kept)
        return Result(changed, True, tuple(notes))


def _placed(copies: Sequence[Sequence[Step]]) -> tuple[Step, ...]:
    """The steps of the first of equal blocks: one that stands at several places of the source has none."""
    return tuple(
        replace(step, span=None)
        if isinstance(step, HostOp) and any(other.span != step.span for other in others)  # type: ignore[union-attr]
        else step
        for step, *others in zip(*copies, strict=True)
    )


def _leaders(blocks: Mapping[str, Block], digests: Mapping[str, str]) -> dict[str, str]:
    """For each block, the first block that does the same."""
    texts = {name: _Canonical(block, digests).key() for name, block in blocks.items()}
    classes = _numbered(texts)
    while True:
        finer = _numbered(
            {
                name: (classes[name], *(classes[edge.block] for edge in successors(block.terminator)))
                for name, block in blocks.items()
            }
        )
        if len(set(finer.values())) == len(set(classes.values())):
            break
        classes = finer
    first: dict[int, str] = {}
    return {name: first.setdefault(number, name) for name, number in classes.items()}


def _numbered(keys: Mapping[str, object]) -> dict[str, int]:
    numbers: dict[object, int] = {}
    return {name: numbers.setdefault(key, len(numbers)) for name, key in keys.items()}


class _Canonical:
    """A block without its names: a key that is equal for blocks that are equal but for successors."""

    def __init__(self, block: Block, digests: Mapping[str, str]) -> None:
        self.block = block
        self.digests = digests
        self.types = types_of(block)
        self.numbers = {value.name: index for index, value in enumerate(values(block))}
        self.symbols: dict[str, Dim] = {}
        for value in values(block):
            for symbol in symbols_of(value.type):
                self.symbols.setdefault(symbol, f"${len(self.symbols)}")

    def key(self) -> tuple[Any, ...]:
        params = tuple(self.type(param.type) for param in self.block.params)
        return (params, tuple(map(self.step, self.block.steps)), self.terminator(self.block.terminator))

    def type(self, type_: Type) -> str:
        return type_text(substitute(type_, self.symbols))

    def operand(self, operand: Operand) -> object:
        return operand_key(operand) if isinstance(operand, Const) else self.numbers[operand.name]

    def operands(self, operands: tuple[Operand, ...]) -> tuple[object, ...]:
        return tuple(map(self.operand, operands))

    def step(self, step: Step) -> tuple[Any, ...]:
        outputs = tuple(self.type(value.type) for value in results(step))
        match step:
            case Compute(graph, inputs):
                return ("compute", self.digests[graph], self.operands(inputs), outputs)
            case HostOp(op, uses):
                known = [
                    constant_type(use) if isinstance(use, Const) else self.types[use.name] for use in uses
                ]
                place = step.span if may_raise(step, known) else None
                return (op, self.operands(uses), outputs, place)

    def terminator(self, terminator: Terminator) -> tuple[Any, ...]:
        args = tuple(self.operands(edge.args) for edge in successors(terminator))
        match terminator:
            case Jump():
                return ("jump", args)
            case Branch(pred):
                return ("branch", self.operand(pred), args)
            case Switch(index, choices):
                return ("switch", self.operand(index), choices, args)
            case Return(output):
                tree = repr(map_tree(output, self.renamed))
                return ("return", tree, *self.leaving(terminator))
            case Raise(error, message, span=span):
                place: Span | None = span
                parts = message and tuple(
                    (self.operand(part.value), part.conversion, part.spec) for part in message
                )
                return ("raise", error, parts, place, *self.leaving(terminator))

    def renamed(self, operand: Operand) -> Operand:
        # The text of the tree is compared, so that 1, True and 1.0 differ in it.
        return (
            operand
            if isinstance(operand, Const)
            else replace(operand, name=str(self.numbers[operand.name]))
        )

    def leaving(self, terminator: Return | Raise) -> tuple[Any, ...]:
        writes = tuple((write.input, self.operand(write.value)) for write in terminator.writes)
        return (writes, terminator.state, self.operands(terminator.cells))

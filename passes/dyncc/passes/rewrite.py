"""Uses, definitions and edges of a program, and how to change them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias, TypeVar

from dyncc.ir import (
    Block,
    Branch,
    Compute,
    Const,
    Edge,
    HostOp,
    Jump,
    Leaf,
    Node,
    Operand,
    Program,
    Raise,
    Ref,
    Return,
    Step,
    Switch,
    Terminator,
    Tree,
    Type,
    Value,
    successors,
)

G = TypeVar("G")

Change: TypeAlias = "Callable[[Operand], Operand]"
Redirect: TypeAlias = "Callable[[Edge], Edge]"


def operand_key(operand: Operand) -> tuple[str, str]:
    """Equal for equal operands only: ``True``, ``1`` and ``1.0`` differ, as do ``0.0`` and ``-0.0``."""
    match operand:
        case Ref(name):
            return ("ref", name)
        case Const(value):
            return (type(value).__name__, repr(value))


def operands(step: Step) -> tuple[Operand, ...]:
    return step.inputs if isinstance(step, Compute) else step.operands


def results(step: Step) -> tuple[Value, ...]:
    return step.outputs if isinstance(step, Compute) else (step.result,)


def values(block: Block) -> Iterator[Value]:
    """Everything that a block defines, in order."""
    yield from block.params
    for step in block.steps:
        yield from results(step)


def types_of(block: Block) -> dict[str, Type]:
    """The types of everything that a block defines, by name."""
    return {value.name: value.type for value in values(block)}


def leaves(tree: Tree) -> Iterator[Operand]:
    match tree:
        case Leaf(value):
            yield value
        case Node(children=children):
            for child in children:
                yield from leaves(child)


def own_operands(terminator: Terminator) -> Iterator[Operand]:
    """What a terminator uses besides the arguments of its edges."""
    match terminator:
        case Branch(pred=decided) | Switch(index=decided):
            yield decided
        case Return(output, writes, _, cells):
            yield from leaves(output)
            yield from (write.value for write in writes)
            yield from cells
        case Raise(message=message, writes=writes, cells=cells):
            yield from (part.value for part in message or ())
            yield from (write.value for write in writes)
            yield from cells
        case Jump():
            return


def map_step(step: Step, change: Change) -> Step:
    """The step with its operands changed."""
    match step:
        case Compute(inputs=inputs):
            return replace(step, inputs=tuple(map(change, inputs)))
        case HostOp(operands=uses):
            return replace(step, operands=tuple(map(change, uses)))


def map_tree(tree: Tree, change: Change) -> Tree:
    match tree:
        case Leaf(value):
            return Leaf(change(value))
        case Node(children=children):
            return replace(tree, children=tuple(map_tree(child, change) for child in children))


def map_terminator(terminator: Terminator, change: Change) -> Terminator:
    """The terminator with its operands changed, those of its edges too."""

    def redirect(edge: Edge) -> Edge:
        return Edge(edge.block, tuple(map(change, edge.args)))

    match terminator:
        case Branch(pred=pred):
            terminator = replace(terminator, pred=change(pred))
        case Switch(index=index):
            terminator = replace(terminator, index=change(index))
        case Return() | Raise():
            writes = tuple(replace(write, value=change(write.value)) for write in terminator.writes)
            terminator = replace(terminator, writes=writes, cells=tuple(map(change, terminator.cells)))
            if isinstance(terminator, Return):
                return replace(terminator, output=map_tree(terminator.output, change))
            if terminator.message is not None:
                parts = (replace(part, value=change(part.value)) for part in terminator.message)
                return replace(terminator, message=tuple(parts))
        case Jump():
            pass
    return map_edges(terminator, redirect)


def map_edges(terminator: Terminator, redirect: Redirect) -> Terminator:
    """The terminator with its edges changed."""
    match terminator:
        case Jump(target=target):
            return replace(terminator, target=redirect(target))
        case Branch(then=then, orelse=orelse):
            return replace(terminator, then=redirect(then), orelse=redirect(orelse))
        case Switch(cases=cases, default=default):
            return replace(terminator, cases=tuple(map(redirect, cases)), default=redirect(default))
        case Return() | Raise():
            return terminator


def substitution(bindings: Mapping[str, Operand]) -> Change:
    """Replaces references to these names."""

    def change(operand: Operand) -> Operand:
        return bindings.get(operand.name, operand) if isinstance(operand, Ref) else operand

    return change


def taken_edge(terminator: Terminator) -> int | None:
    """The number of the edge that a decision on a constant takes; None for every other terminator."""
    match terminator:
        case Branch(pred=Const(value)):
            return 0 if value else 1
        case Switch(index=Const(value), values=known):
            return next((place for place, one in enumerate(known) if one == value), len(known))
        case _:
            return None


def decided(block: Block) -> Block:
    """The block without a decision on a constant."""
    index = taken_edge(block.terminator)
    if index is None:
        return block
    return replace(block, terminator=Jump(successors(block.terminator)[index], block.terminator.span))


def reachable(program: Program[G], blocks: Mapping[str, Block]) -> set[str]:
    """The names of ``blocks`` that the methods of ``program`` lead to."""
    pending = [entry.block for method in program.methods.values() for entry in method.entries]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending += [edge.block for edge in successors(blocks[name].terminator)]
    return seen


def incoming(blocks: Mapping[str, Block]) -> dict[str, list[tuple[str, Edge]]]:
    """For each block the edges that lead to it, each with the block that it comes from."""
    found: dict[str, list[tuple[str, Edge]]] = {name: [] for name in blocks}
    for name, block in blocks.items():
        for edge in successors(block.terminator):
            found[edge.block].append((name, edge))
    return found


def entry_blocks(program: Program[G]) -> set[str]:
    """The blocks at which methods start."""
    return {entry.block for method in program.methods.values() for entry in method.entries}


def map_entries(program: Program[G], names: Mapping[str, str]) -> Program[G]:
    """The program whose methods start at other blocks (with the same parameters)."""
    methods = {
        name: replace(
            method, entries=tuple(replace(e, block=names.get(e.block, e.block)) for e in method.entries)
        )
        for name, method in program.methods.items()
    }
    return replace(program, methods=methods)


def fresh_name(name: str, taken: Iterable[str]) -> str:
    """``name``, or with the first number that makes it new: ``name.1``, ``name.2``, …"""
    used = set(taken)
    number, candidate = 1, name
    while candidate in used:
        candidate, number = f"{name}.{number}", number + 1
    return candidate


def used_graphs(blocks: Iterable[Block]) -> dict[str, int]:
    """How many Computes name each graph."""
    counts: dict[str, int] = {}
    for block in blocks:
        for step in block.steps:
            if isinstance(step, Compute):
                counts[step.graph] = counts.get(step.graph, 0) + 1
    return counts


def with_blocks(program: Program[G], blocks: Mapping[str, Block], graphs: Mapping[str, G]) -> Program[G]:
    """The program with other blocks, and those of ``graphs`` that they use or that nothing used before."""
    used, before = used_graphs(blocks.values()), used_graphs(program.blocks.values())
    kept = {name: graph for name, graph in graphs.items() if name in used or name not in before}
    return replace(program, blocks=dict(blocks), graphs=kept)

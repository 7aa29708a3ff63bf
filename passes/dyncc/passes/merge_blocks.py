"""Make one block of blocks that always run one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from dyncc.ir import Block, Compute, Dim, Edge, HostOp, Jump, Operand, Program, Ref, Step, Type, Value
from dyncc.ir.symbols import substitute, symbols_of, unify
from dyncc.passes.base import GraphOps, Result
from dyncc.passes.fuse_computes import Fusion
from dyncc.passes.rewrite import (
    entry_blocks,
    fresh_name,
    incoming,
    map_edges,
    map_step,
    map_terminator,
    substitution,
    types_of,
    used_graphs,
    values,
    with_blocks,
)

G = TypeVar("G")


@dataclass(frozen=True, slots=True)
class MergeBlocks:
    """Skips blocks that only jump on, merges a block into the one that alone leads to it, fuses graphs.

    A block is merged into its predecessor if that ends in a jump to it and nothing else leads to it,
    no method's start either. Computes of one block become one, unless what stands between them needs
    the one and is needed by the other (a number that is read from a tensor and computed with), or may
    raise. Values and symbols of the second block are renamed where their names are taken.
    """

    name: ClassVar[str] = "merge-blocks"

    def run(self, program: Program[G], graphs: GraphOps[G]) -> Result[G]:
        entries = entry_blocks(program)
        blocks, notes = _without_forwarding(program.blocks, entries)
        blocks, more = _merged(blocks, entries)
        fusion = Fusion(program.graphs, used_graphs(blocks.values()), graphs)
        fused = {name: fusion.fuse(block) for name, block in blocks.items()}
        for name, block in fused.items():
            if block is not blocks[name]:
                more.append(f"the graphs of `{name}` are one")
        if not notes and not more:
            return Result(program, False)
        return Result(with_blocks(program, fused, fusion.graphs), True, (*notes, *more))


# ------------------------------------------------------------------------------------ skipping


def _without_forwarding(
    blocks: Mapping[str, Block], entries: set[str]
) -> tuple[dict[str, Block], list[str]]:
    """Lead edges past blocks that do nothing but jump."""
    onward = {
        name: block.terminator.target
        for name, block in blocks.items()
        if isinstance(block.terminator, Jump) and not block.steps and name not in entries
    }
    skipped = {
        name: target for name in onward if (target := _destination(name, onward, blocks)) is not None
    }

    def redirect(edge: Edge) -> Edge:
        target = skipped.get(edge.block)
        if target is None:
            return edge
        params = (param.name for param in blocks[edge.block].params)
        change = substitution(dict(zip(params, edge.args, strict=True)))
        return Edge(target.block, tuple(map(change, target.args)))

    kept = {
        name: replace(block, terminator=map_edges(block.terminator, redirect))
        for name, block in blocks.items()
        if name not in skipped
    }
    return kept, [f"`{name}` only jumps to `{target.block}`" for name, target in skipped.items()]


def _destination(name: str, onward: Mapping[str, Edge], blocks: Mapping[str, Block]) -> Edge | None:
    """Where a forwarding block leads in the end; None for a loop of nothing else."""
    edge, seen = onward[name], {name}
    while edge.block in onward:
        if edge.block in seen:
            return None
        seen.add(edge.block)
        params = (param.name for param in blocks[edge.block].params)
        change = substitution(dict(zip(params, edge.args, strict=True)))
        following = onward[edge.block]
        edge = Edge(following.block, tuple(map(change, following.args)))
    return edge


# ------------------------------------------------------------------------------------- merging


def _merged(blocks: Mapping[str, Block], entries: set[str]) -> tuple[dict[str, Block], list[str]]:
    ways = {name: len(edges) for name, edges in incoming(blocks).items()}
    left, notes = dict(blocks), list[str]()
    for name in blocks:
        while name in left:
            terminator = left[name].terminator
            if not isinstance(terminator, Jump):
                break
            target = terminator.target.block
            if target == name or target in entries or ways[target] != 1:
                break
            left[name] = joined(left[name], left.pop(target), terminator.target.args)
            notes.append(f"`{target}` is part of `{name}`")
    return left, notes


def joined(first: Block, second: Block, args: tuple[Operand, ...]) -> Block:
    """``first``, which jumps to ``second`` with ``args``, and then that as one block."""
    first = _with_equal_sizes(first, second, args)
    symbols = _symbols(first, second, args)
    bindings: dict[str, Operand] = {param.name: arg for param, arg in zip(second.params, args, strict=True)}
    taken = {value.name for value in values(first)} | {value.name for value in values(second)}
    mine = {value.name for value in values(first)}
    for step in second.steps:
        for value in step.outputs if isinstance(step, Compute) else (step.result,):
            if value.name in mine:
                name = fresh_name(value.name, taken)
                taken.add(name)
                bindings[value.name] = Ref(name)
    change = substitution(bindings)

    def defined(value: Value) -> Value:
        renamed = change(Ref(value.name))
        assert isinstance(renamed, Ref)
        return Value(renamed.name, substitute(value.type, symbols))

    def moved(step: Step) -> Step:
        match map_step(step, change):
            case Compute() as compute:
                return replace(compute, outputs=tuple(map(defined, compute.outputs)))
            case HostOp() as host_op:
                return replace(host_op, result=defined(host_op.result))

    return replace(
        first,
        steps=(*first.steps, *map(moved, second.steps)),
        terminator=map_terminator(second.terminator, change),
        spans=tuple(dict.fromkeys((*first.spans, *second.spans))),
        note=first.note or second.note,
    )


def _with_equal_sizes(first: Block, second: Block, args: tuple[Operand, ...]) -> Block:
    """``first`` with one name for sizes that are one to ``second``.

    What a graph gives may have sizes under names of their own, though they are those of what it took: the
    block that comes next says so, whose parameters share a symbol. Those of parameters stay.
    """
    types = types_of(first)
    sizes: dict[str, list[Dim]] = {}
    for param, arg in zip(second.params, args, strict=True):
        found: dict[str, Dim] = {}
        if isinstance(arg, Ref):
            unify(param.type, types[arg.name], found)
        for symbol, dim in found.items():
            sizes.setdefault(symbol, []).append(dim)
    own = set(_all_symbols(param.type for param in first.params))
    named: dict[str, Dim] = {}
    for dims in sizes.values():
        fixed = [dim for dim in dims if isinstance(dim, int) or dim in own]
        named |= {dim: fixed[0] for dim in dims if fixed and isinstance(dim, str) and _is_free(dim, own)}
    if not named:
        return first

    def renamed(value: Value) -> Value:
        return Value(value.name, substitute(value.type, named))

    def retyped(step: Step) -> Step:
        match step:
            case Compute():
                return replace(step, outputs=tuple(map(renamed, step.outputs)))
            case HostOp():
                return replace(step, result=renamed(step.result))

    return replace(first, steps=tuple(map(retyped, first.steps)))


def _is_free(dim: str, own: set[str]) -> bool:
    """Whether a size is a symbol, and none of a parameter."""
    return dim.isidentifier() and dim not in own


def _symbols(first: Block, second: Block, args: tuple[Operand, ...]) -> dict[str, Dim]:
    """What the second block's symbols are called in the first."""
    types = types_of(first)
    symbols: dict[str, Dim] = {}
    for param, arg in zip(second.params, args, strict=True):
        if isinstance(arg, Ref):
            unify(param.type, types[arg.name], symbols)
    taken = dict.fromkeys(_all_symbols(types.values()))
    for symbol in _all_symbols(types_of(second).values()):
        if symbol not in symbols and symbol in taken:
            symbols[symbol] = _fresh_symbol(symbol, taken)
        elif symbol not in symbols:
            taken[symbol] = None
    return symbols


def _all_symbols(types: Iterable[Type]) -> list[str]:
    return [symbol for type_ in types for symbol in symbols_of(type_)]


def _fresh_symbol(symbol: str, taken: dict[str, None]) -> str:
    number = 1
    while f"{symbol}_{number}" in taken:
        number += 1
    taken[f"{symbol}_{number}"] = None
    return f"{symbol}_{number}"

"""Ways through a program that calls hardly take: an exit that nothing leaves by, a gate that stays open.

A decision of which one side is left is none any more; what only it needed (the head of an exit, the gate's
layers) is dead and goes with the usual passes. Two kinds of ways stay however rare they are: those that end
in an exception, and those that leave a loop, which might not end without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import networkx

from dyncc.ir import Block, Branch, Edge, Jump, Program, Raise, Span, Switch, successors
from dyncc.passes.prune.usage import Usage
from dyncc.passes.rewrite import G


@dataclass(frozen=True)
class Dropped:
    """Edge ``edge`` of ``block`` is gone; ``taken`` of ``visits`` took it in the profile."""

    block: str
    edge: int
    taken: int
    visits: int
    span: Span | None


def without_rare(program: Program[G], usage: Usage, share: float) -> tuple[Program[G], tuple[Dropped, ...]]:
    """``program`` without the ways that at most ``share`` of the visits of a decision take.

    Decisions that no call of the profile comes to stay, and of every decision the way taken most.
    """
    cycles = _cycles(program)
    blocks: dict[str, Block] = {}
    dropped: list[Dropped] = []
    for name, block in program.blocks.items():
        edges = successors(block.terminator)
        counts = [usage.taken.get((name, number), 0) for number in range(len(edges))]
        visits = sum(counts)
        most = max(range(len(edges)), key=counts.__getitem__) if edges else 0
        rare = {
            number
            for number, edge in enumerate(edges)
            if visits and number != most and counts[number] <= share * visits
            if not _raises(program, edge) and not _leaves(cycles, name, edge)
        }
        if not rare:
            blocks[name] = block
            continue
        span = block.terminator.span if isinstance(block.terminator, Branch | Switch) else None
        dropped += [Dropped(name, number, counts[number], visits, span) for number in sorted(rare)]
        blocks[name] = replace(block, terminator=_without(block.terminator, rare, counts))
    return replace(program, blocks=blocks), tuple(dropped)


def _without(terminator: object, rare: set[int], counts: list[int]) -> Jump | Branch | Switch:
    assert isinstance(terminator, Branch | Switch)
    edges = successors(terminator)
    left = [number for number in range(len(edges)) if number not in rare]
    targets = {(edges[number].block, edges[number].args) for number in left}
    if len(targets) == 1 or isinstance(terminator, Branch):
        return Jump(edges[left[0]])
    last = len(edges) - 1
    default = last if last in left else max(left, key=counts.__getitem__)
    kept = [number for number in left if number not in (last, default)]
    return Switch(
        terminator.index,
        tuple(terminator.values[number] for number in kept),
        tuple(edges[number] for number in kept),
        edges[default],
        terminator.span,
    )


def _cycles(program: Program[G]) -> Mapping[str, frozenset[str]]:
    """The loop that a block is in, as all of its blocks."""
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for name, block in program.blocks.items():
        graph.add_edges_from((name, edge.block) for edge in successors(block.terminator))
    loops = [frozenset(each) for each in networkx.strongly_connected_components(graph)]
    return {name: loop for loop in loops for name in loop if len(loop) > 1 or graph.has_edge(name, name)}


def _leaves(cycles: Mapping[str, frozenset[str]], name: str, edge: Edge) -> bool:
    return name in cycles and edge.block not in cycles[name]


def _raises(program: Program[G], edge: Edge) -> bool:
    """Whether an edge leads to an exception and nowhere else."""
    seen: set[str] = set()
    while edge.block not in seen:
        seen.add(edge.block)
        end = program.blocks[edge.block].terminator
        if not isinstance(end, Jump):
            return isinstance(end, Raise)
        edge = end.target
    return False

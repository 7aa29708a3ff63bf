"""The control flow of a program as a graph of numbers: back edges, loops, and what paths cost."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import networkx

Edge = tuple[int, int]
"""A block and the position of one of its ways."""


def back_edges(successors: Sequence[Sequence[int]], entries: Iterable[int]) -> frozenset[Edge]:
    """The edges that close a cycle, found by a walk in depth from ``entries`` in order; without them the
    graph has no cycle."""
    state = [0] * len(successors)  # 1: on the way from an entry, 2: done
    back: set[Edge] = set()
    for entry in [*entries, *range(len(successors))]:
        if state[entry]:
            continue
        state[entry] = 1
        stack = [(entry, 0)]
        while stack:
            node, position = stack.pop()
            if position == len(successors[node]):
                state[node] = 2
                continue
            stack.append((node, position + 1))
            target = successors[node][position]
            if state[target] == 1:
                back.add((node, position))
            elif state[target] == 0:
                state[target] = 1
                stack.append((target, 0))
    return frozenset(back)


@dataclass(frozen=True)
class Loop:
    """Blocks that reach one another, and the back edges between them that are in no loop inside."""

    blocks: frozenset[int]
    back: tuple[Edge, ...]


@dataclass(frozen=True)
class Flow:
    """A control flow: ``successors`` of each block, ``entries``, and the work of each block."""

    successors: Sequence[Sequence[int]]
    entries: Sequence[int]
    flops: Sequence[int]
    back: frozenset[Edge]

    @staticmethod
    def of(successors: Sequence[Sequence[int]], entries: Sequence[int], flops: Sequence[int]) -> Flow:
        return Flow(successors, entries, flops, back_edges(successors, entries))

    def forward(self, node: int) -> list[int]:
        """The successors of a block, but for those back to the head of a loop."""
        ways = enumerate(self.successors[node])
        return [target for position, target in ways if (node, position) not in self.back]

    def order(self) -> list[int]:
        """All blocks, each after those that come before it (back edges left out); ties in block order."""
        waiting = [0] * len(self.successors)
        for node in range(len(self.successors)):
            for target in self.forward(node):
                waiting[target] += 1
        ready = [node for node, count in enumerate(waiting) if not count]
        order: list[int] = []
        while ready:
            node = heapq.heappop(ready)
            order.append(node)
            for target in self.forward(node):
                waiting[target] -= 1
                if not waiting[target]:
                    heapq.heappush(ready, target)
        return order

    def cheapest(self, starts: Iterable[int], within: frozenset[int] | None = None) -> dict[int, list[int]]:
        """To each block that is reached the path of least work (of few blocks, where that is equal)."""
        best: dict[int, tuple[int, int]] = {}
        before: dict[int, int] = {}
        queue = [(self.flops[start], 1, start, -1) for start in starts]
        heapq.heapify(queue)
        while queue:
            flops, length, node, previous = heapq.heappop(queue)
            if node in best:
                continue
            best[node], before[node] = (flops, length), previous
            for target in self.successors[node]:
                if target not in best and (within is None or target in within):
                    heapq.heappush(queue, (flops + self.flops[target], length + 1, target, node))
        return {node: _trail(node, before) for node in best}

    def dearest(self, starts: Iterable[int], within: frozenset[int] | None = None) -> dict[int, list[int]]:
        """To each block the path of most work (of many blocks) that takes no back edge."""
        best: dict[int, tuple[int, int]] = {start: (self.flops[start], 1) for start in starts}
        before = dict.fromkeys(best, -1)
        for node in self.order():
            if node not in best:
                continue
            flops, length = best[node]
            for target in self.forward(node):
                if within is not None and target not in within:
                    continue
                found = (flops + self.flops[target], length + 1)
                if found > best.get(target, (-1, 0)):
                    best[target], before[target] = found, node
        return {node: _trail(node, before) for node in best}

    def cycles(self) -> list[frozenset[int]]:
        """The sets of blocks that reach one another in loops."""
        return _cycles(self._graph())

    def behind_loops(self) -> frozenset[int]:
        """The blocks to which a way leads that can turn in a loop."""
        graph = self._graph()
        found: set[int] = set()
        for component in self.cycles():
            start = min(component)
            found |= component | networkx.descendants(graph, start)
        return frozenset(found)

    def loops(self) -> list[Loop]:
        """The loops, outer ones first: strongly connected sets, and in each those that are left when no
        edge leads to where it is entered, be it in several places (Steensgaard, MSR-TR-93-14, 1993)."""
        found: list[Loop] = []
        pending = [self._graph()]
        while pending:
            graph = pending.pop(0)
            for blocks in sorted(_cycles(graph), key=min):
                found.append(Loop(blocks, ()))
                inner = graph.subgraph(blocks).copy()
                heads = [node for node in blocks if self._entered(node, blocks)] or [min(blocks)]
                inner.remove_edges_from(list(inner.in_edges(heads)))
                pending.append(inner)
        edges: dict[int, list[Edge]] = {}
        for source, position in sorted(self.back):
            both = {source, self.successors[source][position]}
            around = [number for number, loop in enumerate(found) if both <= loop.blocks]
            edges.setdefault(min(around, key=lambda number: len(found[number].blocks)), []).append(
                (source, position)
            )
        return [Loop(loop.blocks, tuple(edges[n])) for n, loop in enumerate(found) if n in edges]

    def _entered(self, node: int, blocks: frozenset[int]) -> bool:
        """Whether ``node`` is entered from outside of ``blocks``."""
        return node in self.entries or any(
            node in targets and source not in blocks for source, targets in enumerate(self.successors)
        )

    def _graph(self) -> networkx.DiGraph:
        graph = networkx.DiGraph()
        graph.add_nodes_from(range(len(self.successors)))
        graph.add_edges_from((node, target) for node, to in enumerate(self.successors) for target in to)
        return graph


def _cycles(graph: networkx.DiGraph) -> list[frozenset[int]]:
    components = networkx.strongly_connected_components(graph)
    return [frozenset(each) for each in components if len(each) > 1 or graph.has_edge(*(list(each) * 2))]


def _trail(node: int, before: Mapping[int, int]) -> list[int]:
    trail = [node]
    while (node := before[node]) >= 0:
        trail.append(node)
    return trail[::-1]

"""Layered drawing of a control flow (Sugiyama, Tagawa & Toda, IEEE Trans. SMC 11(2), 1981).

Back edges are taken out, nodes are put in layers by their longest distance from an entry, long edges get a
bend in each layer that they cross, the order within layers is improved by barycentres, and places across
are the least-squares ones that keep order and distance (pool adjacent violators). Beside the textbook:

- Long edges to one target share their bends (a *trunk*): fifty early exits to one return are one line.
- Back edges are not reversed into the layers: each loop has a lane of its own beside what it spans.

Everything is deterministic. ``y`` grows downwards.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

GAP_X = 26.0
GAP_Y = 58.0
LANE = 18.0
"""Room between a box and a back edge, and between two of them."""
_BEND = 14.0
"""Room that a bend of an edge takes across."""
_MARGIN = 40.0
"""Room at the sides: a label may reach out of what it belongs to."""
_SWEEPS = 8
_STRAIGHT = 8.0
"""Weight of keeping trunks straight."""
_PINNED = 1e4
"""The same of the longest path, which is in the middle."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Node:
    """A box. The graph has its nodes in an order in which forward edges lead to later ones."""

    width: float
    height: float


@dataclass(frozen=True)
class Segment:
    """A piece of an edge, drawn from point to point; ``edges`` run along it. ``end``: it ends in a box."""

    points: tuple[Point, ...]
    edges: tuple[int, ...]
    end: bool
    back: bool = False


@dataclass(frozen=True)
class Picture:
    """Where everything is: the middle of the top of each box, the pieces of edges, the size."""

    tops: tuple[Point, ...]
    segments: tuple[Segment, ...]
    ports: tuple[Point, ...]
    """Where each edge leaves its box."""
    left: float
    width: float
    height: float


def layers_of(
    count: int, edges: Sequence[tuple[int, int]], back: frozenset[int], order: Sequence[int]
) -> list[int]:
    """The layer of each node: its longest distance, over forward edges, from a node without any before it.

    ``order`` is a topological one of the graph without the edges ``back``.
    """
    outgoing: list[list[int]] = [[] for _ in range(count)]
    for index, (source, target) in enumerate(edges):
        if index not in back:
            outgoing[source].append(target)
    layer = [0] * count
    for node in order:
        for target in outgoing[node]:
            layer[target] = max(layer[target], layer[node] + 1)
    return layer


def draw(
    nodes: Sequence[Node], edges: Sequence[tuple[int, int]], back: frozenset[int], order: Sequence[int]
) -> Picture:
    """The picture of a graph. ``back`` are the edges whose removal leaves no cycle, ``order`` a topological
    order without them. No two edges may have the same source and target."""
    layer = layers_of(len(nodes), edges, back, order)
    net = _Net(nodes, edges, back, layer)
    net.build(order)
    net.untangle()
    net.place()
    return net.picture()


class _Net:
    """The layered graph: the nodes, then the bends of trunks, numbered on."""

    def __init__(
        self,
        nodes: Sequence[Node],
        edges: Sequence[tuple[int, int]],
        back: frozenset[int],
        layer: list[int],
    ) -> None:
        self.nodes, self.edges, self.back = nodes, edges, back
        self.layer = list(layer)
        self.widths = [node.width for node in nodes]
        self.rows: list[list[int]] = [[] for _ in range(max(layer, default=0) + 1)]
        self.down: list[list[int]] = [[] for _ in nodes]
        self.up: list[list[int]] = [[] for _ in nodes]
        self.along: dict[tuple[int, int], list[int]] = {}
        """Of each link between neighbouring layers, the edges that run along it."""
        self.x: list[float] = []
        self.spine: frozenset[int] = frozenset()
        """The nodes of a longest path, which is drawn straight."""

    def build(self, order: Sequence[int]) -> None:
        """Bends for long edges, shared by those to one target, and the first order within layers."""
        bends: dict[tuple[int, int], int] = {}
        for index, (source, target) in enumerate(self.edges):
            if index in self.back:
                continue
            at = source
            for level in range(self.layer[source] + 1, self.layer[target]):
                bend = bends.get((target, level))
                if bend is None:
                    bend = bends[target, level] = self._bend(level)
                self._link(at, bend, index)
                at = bend
            self._link(at, target, index)
        self.spine = self._longest()
        position = {node: number for number, node in enumerate(order)}
        for node in sorted(range(len(self.layer)), key=lambda node: position.get(node, node)):
            self.rows[self.layer[node]].append(node)

    def _longest(self) -> frozenset[int]:
        boxes = range(len(self.nodes))
        node = max(boxes, key=lambda node: (self.layer[node], -node), default=None)
        path: list[int] = []
        while node is not None:
            path.append(node)
            node = min((other for other in self.up[node] if other in boxes), default=None)
        return frozenset(path)

    def _bend(self, level: int) -> int:
        self.layer.append(level)
        self.widths.append(_BEND)
        self.down.append([])
        self.up.append([])
        return len(self.layer) - 1

    def _link(self, source: int, target: int, edge: int) -> None:
        if (source, target) not in self.along:
            self.down[source].append(target)
            self.up[target].append(source)
            self.along[source, target] = []
        self.along[source, target].append(edge)

    # ------------------------------------------------------------------------------------- order

    def untangle(self) -> None:
        """Order each layer by the barycentres of the neighbours, down and up; the best order is kept."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            downwards = sweep % 2 == 0
            neighbours = self.up if downwards else self.down
            rows = range(1, len(self.rows)) if downwards else range(len(self.rows) - 2, -1, -1)
            for level in rows:
                self._sort(level, neighbours)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self.rows = best

    def _sort(self, level: int, neighbours: Sequence[Sequence[int]]) -> None:
        place = self._places()
        row = self.rows[level]

        def barycentre(node: int) -> float:
            near = neighbours[node]
            return sum(place[other] for other in near) / len(near) if near else place[node]

        self.rows[level] = sorted(row, key=barycentre)

    def _places(self) -> dict[int, float]:
        """How far across a node is in its layer, from 0 to 1."""
        return {node: (number + 0.5) / len(row) for row in self.rows for number, node in enumerate(row)}

    def _crossings(self) -> int:
        total = 0
        for row, below in zip(self.rows, self.rows[1:], strict=False):
            place = {node: number for number, node in enumerate(below)}
            seen: list[int] = []
            for node in row:
                ends = sorted(place[target] for target in self.down[node])
                total += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return total

    # ------------------------------------------------------------------------------------ places

    def place(self) -> None:
        """Places across: near the neighbours, in order, apart."""
        self.x = [0.0] * len(self.layer)
        for row in self.rows:
            self._settle(row, [0.0] * len(row), [1.0] * len(row))
        for sweep in range(2 * _SWEEPS):
            sides = [self.up] if sweep % 2 == 0 else [self.down]
            rows = self.rows if sweep % 2 == 0 else self.rows[::-1]
            if sweep >= 2 * _SWEEPS - 2:
                sides = [self.up, self.down]
            for row in rows:
                self._settle(row, *self._wishes(row, sides))

    def _wishes(
        self, row: Sequence[int], sides: Sequence[Sequence[Sequence[int]]]
    ) -> tuple[list[float], list[float]]:
        """Where each node of a row would like to be, and how much."""
        wishes, weights = [], []
        for node in row:
            if node in self.spine:
                wishes.append(0.0)
                weights.append(_PINNED)
                continue
            near = [(other, self._pull(node, other)) for side in sides for other in side[node]]
            total = sum(pull for _, pull in near)
            wishes.append(sum(self.x[o] * pull for o, pull in near) / total if near else self.x[node])
            weights.append(total or 0.1)
        return wishes, weights

    def _pull(self, one: int, other: int) -> float:
        bends = (one >= len(self.nodes)) + (other >= len(self.nodes))
        return _STRAIGHT if bends == 2 else 2.0 if bends else 1.0

    def _settle(self, row: Sequence[int], wishes: Sequence[float], weights: Sequence[float]) -> None:
        """The places nearest to ``wishes`` (least squares) that keep the order and the distances."""
        offsets, offset = [0.0], 0.0
        for one, other in pairwise(row):
            offset += (self.widths[one] + self.widths[other]) / 2 + GAP_X
            offsets.append(offset)
        pools: list[list[float]] = []  # of neighbours that touch: weighted sum, weight, how many
        for wish, weight, offset in zip(wishes, weights, offsets, strict=False):
            pools.append([(wish - offset) * weight, weight, 1])
            while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
                total, weight, number = pools.pop()
                pools[-1] = [pools[-1][0] + total, pools[-1][1] + weight, pools[-1][2] + number]
        index = 0
        for total, weight, number in pools:
            for _ in range(int(number)):
                self.x[row[index]] = total / weight + offsets[index]
                index += 1

    # ----------------------------------------------------------------------------------- picture

    def picture(self) -> Picture:
        """Everything in coordinates, the left edge at the least of them."""
        lanes, depth = self._lanes()
        heights = [max((self._height(node) for node in row), default=0.0) for row in self.rows]
        gaps = [GAP_Y + 6 * depth] * len(heights)
        starts = [gaps[0] / 2 + sum(heights[:level]) + sum(gaps[:level]) for level in range(len(heights))]
        frame = _Frame(self, starts, heights)
        ports = frame.ports(lanes)
        segments = [*frame.forward(ports), *frame.backward(ports, lanes)]
        left = min(point[0] for segment in segments for point in segment.points) if segments else 0.0
        left = min(left, *(self.x[n] - node.width / 2 for n, node in enumerate(self.nodes))) - _MARGIN
        right = max(self.x[n] + self.widths[n] / 2 for n in range(len(self.x))) + _MARGIN
        tops = tuple((self.x[n], starts[self.layer[n]]) for n in range(len(self.nodes)))
        bottom = starts[-1] + heights[-1] + GAP_Y / 2
        return Picture(tops, tuple(segments), tuple(ports), left, right - left, bottom)

    def _height(self, node: int) -> float:
        return self.nodes[node].height if node < len(self.nodes) else 0.0

    def _lanes(self) -> tuple[dict[int, tuple[float, int]], int]:
        """Of each node that back edges lead to, where they run across, and which lane it is; nested loops
        get lanes further out. And the number of lanes side by side."""
        spans: dict[int, tuple[int, int]] = {}
        for index in sorted(self.back):
            source, target = self.edges[index]
            first, last = spans.get(target, (self.layer[target], self.layer[target]))
            spans[target] = (min(first, self.layer[source]), max(last, self.layer[source]))
        lanes: dict[int, tuple[float, int]] = {}
        for target in sorted(spans, key=lambda node: (spans[node][1] - spans[node][0], node)):
            first, last = spans[target]
            beside = [n for other, (_, n) in lanes.items() if _meet(spans[other], spans[target])]
            number = max(beside, default=-1) + 1
            edge = min(
                self.x[node] - self.widths[node] / 2 for row in self.rows[first : last + 1] for node in row
            )
            lanes[target] = (edge - LANE * (number + 1), number)
        return lanes, max((number + 1 for _, number in lanes.values()), default=0)


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


@dataclass(frozen=True)
class _Frame:
    """Routes edges between boxes whose places are known."""

    net: _Net
    starts: Sequence[float]
    heights: Sequence[float]

    def ports(self, lanes: Mapping[int, tuple[float, int]]) -> list[Point]:
        """Where each edge leaves its box: side by side at its bottom, in the order of where they go."""
        net = self.net
        leaving: dict[int, list[int]] = {}
        for index, (source, _) in enumerate(net.edges):
            leaving.setdefault(source, []).append(index)
        found: dict[int, Point] = {}
        for source, edges in leaving.items():
            edges.sort(key=lambda index: (*self._first(index, lanes), index))
            step = net.nodes[source].width / (len(edges) + 1)
            left = net.x[source] - net.nodes[source].width / 2
            bottom = self.starts[net.layer[source]] + net.nodes[source].height
            for number, index in enumerate(edges, 1):
                found[index] = (left + step * number, bottom)
        return [found[index] for index in range(len(net.edges))]

    def _first(self, edge: int, lanes: Mapping[int, tuple[float, int]]) -> tuple[float, float]:
        """How far across the first stop of an edge is; back edges leave on the left, inner lanes first."""
        source, target = self.net.edges[edge]
        if edge in self.net.back:
            return float("-inf"), lanes[target][1]
        across = (self.net.x[to] for to in self.net.down[source] if edge in self.net.along[source, to])
        return next(across), 0

    def forward(self, ports: Sequence[Point]) -> list[Segment]:
        net = self.net
        segments: list[Segment] = []
        for (source, target), edges in net.along.items():
            level, boxes = net.layer[target], len(net.nodes)
            end = (net.x[target], self.starts[level])
            if source < boxes:
                starts = [(ports[edge], (edge,)) for edge in edges]
            else:
                above = net.layer[source]
                starts = [((net.x[source], self.starts[above] + self.heights[above]), tuple(edges))]
            for start, along in starts:
                floor = (start[0], self.starts[level - 1] + self.heights[level - 1])
                points = (start, floor, end) if floor[1] - start[1] > 1 else (start, end)
                if target >= boxes:  # through the layer
                    points = (*points, (end[0], end[1] + self.heights[level]))
                segments.append(Segment(points, along, target < boxes))
        return segments

    def backward(self, ports: Sequence[Point], lanes: Mapping[int, tuple[float, int]]) -> list[Segment]:
        net = self.net
        segments: list[Segment] = []
        for index in sorted(net.back):
            source, target = net.edges[index]
            x, number = lanes[target]
            level = net.layer[source]
            below = self.starts[level] + self.heights[level] + 20 + 6 * number
            above = self.starts[net.layer[target]] - 14 - 6 * number
            head = net.x[target] - net.nodes[target].width / 4
            port = ports[index]
            points = (port, (port[0], below), (x, below), (x, above), (head, above))
            points = (*points, (head, self.starts[net.layer[target]]))
            segments.append(Segment(points, (index,), True, back=True))
        return segments

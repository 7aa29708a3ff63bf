"""A method as a graph of places, in their final wording, and the shape of that graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from dyncc.runtime.host.expressions import Expr
from dyncc.runtime.host.flow import immediate_dominators, predecessors, reverse_postorder
from dyncc.runtime.host.statements import Line
from dyncc.runtime.program import Span
from dyncc.runtime.records import record


@record
class Exit:
    """A way out of a place: what is assigned on it, what tells of it, and where it leads."""

    target: str
    moves: list[Line] = field(default_factory=list[Line])
    trace: list[Line] = field(default_factory=list[Line])
    args: tuple[Expr, ...] | None = None
    """What is assigned to the target's parameters; None where that is not known any more."""

    @property
    def lines(self) -> list[Line]:
        return [*self.moves, *self.trace]


@record
class Place:
    """A node of the graph in its final wording.

    With ``decision`` and no ``cases`` it has two exits (true, false); with ``cases``, the numbers of each,
    one more than there are cases, the last being the default; without a decision one exit, or none when it
    leaves.
    """

    name: str
    lines: list[Line]
    exits: list[Exit]
    decision: Expr | None = None
    cases: tuple[tuple[int, ...], ...] | None = None
    span: Span | None = None
    label: str = ""
    """What a flag that stands for going here is called."""
    reword: Callable[[tuple[Expr, ...]], list[Line] | None] = lambda _: None
    """For a place that leaves: its lines with these expressions in place of its parameters, if possible."""


class Shape:
    """Facts of a graph in which every loop has one entry.

    ``labels`` are the nodes that several edges lead to (those that close a loop aside), ``merges`` those of
    each immediate dominator, ``loops`` the nodes of each loop by its header, ``ways`` the targets of edges
    that leave what a node dominates, ``nest`` how deeply the code of a node, without its labels', nests.
    """

    def __init__(self, entry: str, places: dict[str, Place]) -> None:
        self.entry = entry
        self.places = places
        graph = {name: [exit.target for exit in place.exits] for name, place in places.items()}
        self.order = reverse_postorder(entry, graph)
        self.position = {name: index for index, name in enumerate(self.order)}
        before = predecessors(self.order, graph)
        self.idom = immediate_dominators(self.order, before)
        self._number_dominator_tree()
        self.loops = self._find_loops(before)
        forward = {
            name: sum(not self.dominates(name, source) for source in sources)
            for name, sources in before.items()
        }
        self.labels = {name for name, count in forward.items() if count > 1}
        self.merges: dict[str, list[str]] = {name: [] for name in self.order}
        for name in self.order[1:]:
            if name in self.labels:
                self.merges[self.idom[name]].append(name)
        self.ways = self._find_ways_out()
        self.nest = self._measure_nests()

    def _number_dominator_tree(self) -> None:
        children: dict[str, list[str]] = {name: [] for name in self.order}
        for name in self.order[1:]:
            children[self.idom[name]].append(name)
        self.size = dict.fromkeys(self.order, 1)
        self.first: dict[str, int] = {}
        stack, preorder = [self.entry], list[str]()
        while stack:
            name = stack.pop()
            self.first[name] = len(preorder)
            preorder.append(name)
            stack.extend(reversed(children[name]))
        for name in reversed(preorder):
            if name != self.entry:
                self.size[self.idom[name]] += self.size[name]
        self.preorder = preorder

    def dominates(self, one: str, other: str) -> bool:
        """Whether every way to ``other`` leads through ``one``."""
        return self.first[one] <= self.first[other] < self.first[one] + self.size[one]

    def dominated(self, name: str) -> list[str]:
        """The nodes that are only reached through ``name``, and itself."""
        return self.preorder[self.first[name] : self.first[name] + self.size[name]]

    def _find_loops(self, before: dict[str, list[str]]) -> dict[str, set[str]]:
        """The nodes of each loop by its header."""
        loops: dict[str, set[str]] = {}
        for header in self.order:
            tails = [source for source in before[header] if self.dominates(header, source)]
            if not tails:
                continue
            members, work = {header}, tails
            while work:
                node = work.pop()
                if node not in members:
                    members.add(node)
                    work.extend(before[node])
            loops[header] = members
        return loops

    def _find_ways_out(self) -> dict[str, frozenset[str]]:
        """Of each node, the targets of edges that leave what it dominates."""
        inner: dict[str, list[str]] = {name: [] for name in self.order}
        for name in self.order[1:]:
            inner[self.idom[name]].append(name)
        ways: dict[str, frozenset[str]] = {}
        for name in reversed(self.preorder):
            targets = {exit.target for exit in self.places[name].exits}
            targets.update(*(ways[child] for child in inner[name]))
            ways[name] = frozenset(target for target in targets if not self.dominates(name, target))
        return ways

    def inline(self, exit: Exit, source: str) -> bool:
        """Whether the code of the target is written right on this edge, the only one into it."""
        return exit.target not in self.labels and not self.dominates(exit.target, source)

    def short(self, name: str) -> bool:
        """Whether ``name`` leaves the method in so few lines that it may be written more than once."""
        return self.leaves(name, 2)

    def leaves(self, name: str, lines: int) -> bool:
        """Whether ``name`` leaves the method within so many lines."""
        place = self.places[name]
        return not place.exits and len(place.lines) <= lines

    def _measure_nests(self) -> dict[str, int]:
        """How deeply the code of each node, without its labels', nests if nothing is done about it."""
        own: dict[str, int] = {}
        total = dict.fromkeys(self.order, 0)
        for name in reversed(self.order):
            exits = [exit for exit in self.places[name].exits if self.inline(exit, name)]
            inner = [total[exit.target] for exit in exits]
            branches = len(self.places[name].exits) > 1
            guarded = any(not self.ways[exit.target] for exit in exits)
            own[name] = max(inner, default=0) + (1 if branches and not guarded else 0)
            total[name] = max([own[name], *(total[label] for label in self.merges[name])])
        return own

"""From a control-flow graph to nested statements.

Ramsey's *Beyond Relooper* (ICFP 2022) on the dominator tree, adapted to Python, which has no labels: a
node where paths merge is written behind the ``if`` of its immediate dominator, so that the paths reach it
by falling through; the code after a loop is chosen so that ``break`` reaches it. A way that neither
falling, ``break`` nor ``continue`` can take is taken in one of three manners: a short ``return`` or
``raise`` is written again; a long chain of exits to one place becomes a loop that runs once and is left by
``break``; otherwise a flag is set, the enclosing constructs are left one by one and what lies between
asks the flag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from dyncc.runtime.host.expressions import Apply, Expr, Text, constant, negate
from dyncc.runtime.host.flow import immediate_dominators, predecessors, reverse_postorder
from dyncc.runtime.host.names import identifier
from dyncc.runtime.host.statements import Break, Continue, If, Line, Loop, Match, Stmt
from dyncc.runtime.program import Span

DEEP = 5
"""A chain of ``else`` deeper than this is written flat."""


@dataclass(slots=True)
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


@dataclass(slots=True)
class Place:
    """A node of the graph in its final wording.

    With ``decision`` and no ``values`` it has two exits (true, false); with ``values`` one more than
    there are values, the last being the default; without a decision one exit, or none when it leaves.
    """

    name: str
    lines: list[Line]
    exits: list[Exit]
    decision: Expr | None = None
    values: tuple[int, ...] | None = None
    span: Span | None = None
    label: str = ""
    """What a flag that stands for going here is called."""
    reword: Callable[[tuple[Expr, ...]], list[Line] | None] = lambda _: None
    """For a place that leaves: its lines with these expressions in place of its parameters, if possible."""


@dataclass(slots=True)
class Context:
    """Where the code that is being written can go without more ado, and which flags it raises."""

    follow: str | None
    header: str | None = None
    after: str | None = None
    within: frozenset[str] = frozenset()
    """The labels further down that are inside the innermost loop."""
    pending: set[str] = field(default_factory=set[str])
    """Targets beyond ``follow`` whose flag was raised by code that then falls through."""
    broken: set[str] = field(default_factory=set[str])
    """Where breaks out of the innermost loop lead: ``after``, and others, whose flag was raised before."""


class Structurer:
    """Writes one method. ``places`` hold the graph, every loop of which has one entry; ``taken`` the names
    that a flag may not have."""

    def __init__(self, entry: str, places: dict[str, Place], taken: Iterable[str] = ()) -> None:
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
        self.placed: set[str] = set()
        self.reached: set[str] = set()
        self.flags: dict[str, str] = {}
        self.taken = set(taken)
        self.ways = self._find_ways_out()
        self.nest = self._measure_nests()

    # ------------------------------------------------------------------------------ facts of the graph

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
        place = self.places[name]
        return not place.exits and len(place.lines) <= 2

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

    # --------------------------------------------------------------------------------------- the code

    def run(self) -> list[Stmt]:
        """The body of the method."""
        context = Context(follow=None)
        code = self.emit(self.entry, context)
        assert not context.pending and not context.broken, "a flag is raised and nobody asks for it"
        return code

    def emit(
        self, start: str, context: Context, own: bool = False, inside: str | None = None
    ) -> list[Stmt]:
        """The code from ``start`` to ``context.follow``.

        ``own``: without the labels that follow ``start`` (they are the caller's); ``inside``: the header
        of the loop whose body this is.
        """
        out: list[Stmt] = []
        node: str | None = start
        while node is not None:
            labels = [] if own else [label for label in self.merges[node] if label not in self.placed]
            if node in self.loops and node != inside:
                node = self._loop(node, context, out)
            elif labels:
                node = self._sequence(node, labels, context, out, inside)
            elif self.nest[node] > 2 and context.follow is not None and self.short(context.follow):
                context = replace(context, follow=None)  # from here each way says ``return``
                continue
            elif self.nest[node] > DEEP and context.follow is not None:
                if context.follow == context.header:
                    context = replace(context, follow=None)  # from here each way says ``continue``
                    continue
                node = self._once(node, context, out)
            else:
                node = self._own(node, context, out)
            own, inside = False, None
        return out

    def _own(self, node: str, context: Context, out: list[Stmt]) -> str | None:
        """The node's lines and decision. Returns the node that goes on at this level, if one does."""
        place = self.places[node]
        out.extend(place.lines)
        if not place.exits:
            return None
        if place.decision is None:
            return self._go_on(place.exits[0], node, context, out)
        if place.values is not None:
            return self._switch(place, place.values, context, out)
        first, second = place.exits
        condition = place.decision
        if self._leaves_early(place, context):
            context = replace(context, follow=None)
        guards = [self._diverges(exit, node, context) for exit in place.exits]
        if not any(guards):
            arms = [self._arm(exit, node, context) for exit in place.exits]
            out.append(If(condition, arms[0], arms[1], place.span))
            return None
        if not guards[0] or (guards[1] and self._weight(first, node) > self._weight(second, node) + 3):
            first, second = second, first
            condition = negate(condition)
        out.append(If(condition, self._arm(first, node, context), [], place.span))
        return self._go_on(second, node, context, out)

    def _leaves_early(self, place: Place, context: Context) -> bool:
        """Whether one way goes straight to a short ``return`` that follows, the other through more code.

        Then that ``return`` is written on the way, and the rest needs no ``else``.
        """
        if context.follow is None or not self.short(context.follow):
            return False
        straight = [exit for exit in place.exits if exit.target == context.follow]
        others = [exit for exit in place.exits if self.inline(exit, place.name)]
        if len(straight) != 1 or len(others) != 1:
            return False
        return bool(straight[0].moves) or self.size[others[0].target] > 1

    def _switch(
        self, place: Place, values: tuple[int, ...], context: Context, out: list[Stmt]
    ) -> str | None:
        assert place.decision is not None
        *exits, default = place.exits
        flat = all(self._diverges(exit, place.name, context) for exit in exits)
        arms = [self._arm(exit, place.name, context) for exit in exits]
        orelse: list[Stmt] = [] if flat else self._arm(default, place.name, context)
        if len(values) < 3 and isinstance(place.decision, Text):
            for value, arm in reversed(list(zip(values, arms, strict=True))):
                test = Apply("{0} == {1}", (place.decision, constant(value)), 6, (7, 7))
                orelse = [If(test, arm, orelse, place.span)]
            out.extend(orelse)
        else:
            cases: list[tuple[int | None, list[Stmt]]] = list(zip(values, arms, strict=True))
            if orelse:
                cases.append((None, orelse))
            out.append(Match(place.decision, cases, place.span))
        return self._go_on(default, place.name, context, out) if flat else None

    def _arm(self, exit: Exit, source: str, context: Context) -> list[Stmt]:
        out: list[Stmt] = []
        node = self._go_on(exit, source, context, out)
        return out if node is None else [*out, *self.emit(node, context)]

    def _go_on(self, exit: Exit, source: str, context: Context, out: list[Stmt]) -> str | None:
        """The edge's assignments; then its target, if that is written here, or how to get there."""
        if not self.inline(exit, source) and exit.args is not None and self._copies(exit.target, context):
            reworded = self.places[exit.target].reword(exit.args)
            if reworded is not None:
                out.extend([*exit.trace, *reworded])
                return None
        out.extend(exit.lines)
        if self.inline(exit, source):
            return exit.target
        out.extend(self._goto(exit.target, context))
        return None

    def _copies(self, target: str, context: Context) -> bool:
        """Whether going to ``target`` from here means to write it again."""
        return self.short(target) and target not in (context.follow, context.header, context.after)

    def _weight(self, exit: Exit, source: str) -> int:
        return self.size[exit.target] if self.inline(exit, source) else 0

    def _diverges(self, exit: Exit, source: str, context: Context) -> bool:
        """Whether the code on this edge never gets to ``context.follow``."""
        targets = self.ways[exit.target] if self.inline(exit, source) else (exit.target,)
        return all(
            target != context.follow and (target in (context.header, context.after) or self.short(target))
            for target in targets
        )

    # ------------------------------------------------------------------------------------------- ways

    def _goto(self, target: str, context: Context) -> list[Stmt]:
        """How control gets to ``target``, which is written elsewhere."""
        if self._copies(target, context):
            return list(self.places[target].lines)
        if target not in (context.follow, context.header, context.after):
            return [Line(f"{self.flag(target)} = True"), *self._pass_on(target, context)]
        return self._pass_on(target, context)

    def _pass_on(self, target: str, context: Context) -> list[Stmt]:
        """One step towards ``target``, whose flag is raised if that is not the last step."""
        if target == context.follow:
            self.reached.add(target)
            return []
        if target == context.header:
            return [Continue()]
        if target == context.after:
            context.broken.add(target)
            return [Break()]
        if target in context.within:
            self.reached.add(target)
            context.pending.add(target)
            return []
        context.broken.add(target)
        return [Break()]

    def flag(self, target: str) -> str:
        """The variable that says that control is on its way to ``target``."""
        if target not in self.flags:
            name = identifier(f"to_{self.places[target].label or target}", self.taken)
            self.taken.add(name)
            self.flags[target] = name
        return self.flags[target]

    def _ask(self, raised: set[str], context: Context, out: list[Stmt]) -> set[str]:
        """Behind code that raised flags: go on towards their targets. Returns those that fall on."""
        falling: set[str] = set()
        for target in sorted(raised, key=self.position.__getitem__):
            if target == context.follow:
                self.reached.add(target)
                continue
            step = self._pass_on(target, context)
            if step:
                out.append(If(Text(self.flag(target)), step))
            else:
                falling.add(target)
        return falling

    def _lower_flags(self, raised: set[str], at: int, out: list[Stmt]) -> None:
        ordered = sorted(raised, key=self.position.__getitem__)
        out[at:at] = [Line(f"{self.flag(target)} = False") for target in ordered]

    def _unless(self, active: set[str], code: list[Stmt]) -> list[Stmt]:
        """``code``, skipped when one of the flags is raised."""
        for target in sorted(active, key=self.position.__getitem__):
            code = [If(negate(Text(self.flag(target))), code)] if code else []
        return code

    # -------------------------------------------------------------------------------------- constructs

    def _sequence(
        self, node: str, labels: list[str], context: Context, out: list[Stmt], inside: str | None
    ) -> str | None:
        """``node``, then the nodes where paths from it merge, each reached by falling through."""
        start, raised, active = len(out), set[str](), set[str]()
        for index, item in enumerate((node, *labels)):
            if index and item not in self.reached:
                continue  # every way to it was written out
            active.discard(item)
            rest = labels[index:]
            if not rest and not active:
                self._lower_flags(raised, start, out)
                return item
            here = replace(
                context,
                follow=rest[0] if rest else context.follow,
                within=context.within | set(rest),
                pending=set(),
            )
            code = self.emit(item, here, own=not index, inside=None if index else inside)
            out.extend(self._unless(active, code))
            raised |= here.pending
            active |= self._ask(here.pending, replace(here, pending=set()), out)
        context.pending |= active - {context.follow}
        self._lower_flags(raised, start, out)
        return None

    def _loop(self, header: str, context: Context, out: list[Stmt]) -> str | None:
        after = self._choose_after(header, context)
        ours = after is not None and self.dominates(header, after) and after not in self.placed
        if after is not None and ours:
            self.labels.add(after)
            self.placed.add(after)
        here = Context(follow=header, header=header, after=after)
        body = self.emit(header, here, inside=header)
        left = after in here.broken
        raised = here.broken - {after}
        self._lower_flags(raised, len(out), out)
        out.append(Loop(body))
        beyond = context
        if ours:
            beyond = replace(context, follow=after)
        elif after is not None and after != context.follow and context.follow is not None:
            beyond = replace(context, follow=None, within=context.within | {context.follow})
        active = self._ask(raised, beyond, out)
        if after is None or not (left or after in active):
            return None
        if not ours:
            out.extend(self._unless(active, self._goto(after, context)))
            return None
        if active:
            out.extend(self._unless(active, self.emit(after, context)))
            return None
        return after

    def _once(self, node: str, context: Context, out: list[Stmt]) -> str | None:
        """A region with many ways to ``context.follow``: written flat, each way a break."""
        here = Context(follow=None, after=context.follow)
        body = self.emit(node, here, own=True, inside=node)
        raised = here.broken - {context.follow}
        self._lower_flags(raised, len(out), out)
        out.append(Loop(body, once=True))
        if context.follow in here.broken:
            self._pass_on(context.follow, context)
        self._ask(raised, context, out)
        return None

    def _elsewhere(self, header: str, node: str) -> bool:
        """Whether ``node`` is written behind a loop that ``header`` is inside of."""
        return any(self.dominates(header, label) and self.dominates(label, node) for label in self.placed)

    def _choose_after(self, header: str, context: Context) -> str | None:
        """The node that ``break`` leads to: where most code can be written behind the loop.

        Not one from which a node that has to be written inside of the loop is reached.
        """
        members = self.loops[header]
        region = [node for node in self.dominated(header) if not self._elsewhere(header, node)]
        inside = set(region)
        ways = [
            (node, exit.target)
            for node in region
            for exit in self.places[node].exits
            if exit.target not in inside and not self.short(exit.target)
        ]
        outer = [
            exit.target for node in region for exit in self.places[node].exits if exit.target not in inside
        ]
        candidates: list[tuple[int, int, int, str]] = []
        for node in region:
            if node in members or self.idom[node] not in members:
                continue
            if any(target in inside and not self.short(target) for target in self.ways[node]):
                continue
            bad = sum(not self.dominates(node, source) for source, _ in ways)
            candidates.append((bad, -self.size[node], -self.position[node], node))
        for target in dict.fromkeys(outer):
            bad = sum(other != target for _, other in ways)
            near = 0 if target == context.follow else 1
            candidates.append((bad, 0, near, target))
        return min(candidates)[3] if candidates else None

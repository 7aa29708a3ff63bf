"""From a control-flow graph to nested statements.

Ramsey's *Beyond Relooper* (ICFP 2022) on the dominator tree, adapted to Python, which has no labels: a
node where paths merge is written behind the ``if`` of its immediate dominator, so that the paths reach it
by falling through; the code after a loop is chosen so that ``break`` reaches it. A way that neither
falling, ``break`` nor ``continue`` can take is taken in one of three manners: what leaves the method within
a few lines is written again; a long chain of exits to one place becomes a loop that runs once and is left
by ``break``; otherwise a flag is set, the enclosing constructs are left one by one and what lies between
asks the flag.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from itertools import takewhile

from dyncc.runtime.host.expressions import Apply, Expr, Text, constant, negate
from dyncc.runtime.host.names import identifier
from dyncc.runtime.host.shape import Exit, Place, Shape
from dyncc.runtime.host.statements import Break, Continue, If, Line, Loop, Match, Stmt
from dyncc.runtime.records import record, replace

TOO_DEEP = 90
"""How many constructs may be inside of each other. Python allows 100 levels of indentation."""
FEW = 6
"""Lines that leave the method and are written once more before a flag is raised to get to them."""
DEEP = 5
"""A chain of ``else`` deeper than this is written flat."""


class TooDeep(Exception):
    """The program nests more deeply than Python allows."""


@record
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
    """Writes one method. In the graph of ``places`` every loop has one entry; ``taken`` are the names that
    a flag may not have."""

    def __init__(self, entry: str, places: dict[str, Place], taken: Iterable[str] = ()) -> None:
        self.entry = entry
        self.places = places
        self.shape = Shape(entry, places)
        self.placed: set[str] = set()
        """Labels that are written behind a loop."""
        self.reached: set[str] = set()
        """Labels that control falls into."""
        self.flags: dict[str, str] = {}
        self.taken = set(taken)
        self.depth = 0

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
        of the loop whose body this is. Raises TooDeep.
        """
        if self.depth > TOO_DEEP:
            raise TooDeep
        self.depth += 1
        out: list[Stmt] = []
        node: str | None = start
        while node is not None:
            labels = [] if own else [label for label in self.shape.merges[node] if label not in self.placed]
            if node in self.shape.loops and node != inside:
                node = self._loop(node, context, out)
            elif labels:
                node = self._sequence(node, labels, context, out, inside)
            elif (
                self.shape.nest[node] > 2
                and context.follow is not None
                and self.shape.short(context.follow)
            ):
                context = replace(context, follow=None)  # from here each way says ``return``
                continue
            elif self.shape.nest[node] > DEEP and context.follow is not None:
                if context.follow == context.header:
                    context = replace(context, follow=None)  # from here each way says ``continue``
                    continue
                node = self._once(node, context, out)
            else:
                node = self._own(node, context, out)
            own, inside = False, None
        self.depth -= 1
        return out

    def _own(self, node: str, context: Context, out: list[Stmt]) -> str | None:
        """The node's lines and decision. Returns the node that goes on at this level, if one does."""
        place = self.places[node]
        out.extend(place.lines)
        if not place.exits:
            return None
        if place.decision is None:
            return self._go_on(place.exits[0], node, context, out)
        if place.cases is not None:
            return self._switch(place, place.cases, context, out)
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
        if context.follow is None or not self.shape.short(context.follow):
            return False
        straight = [exit for exit in place.exits if exit.target == context.follow]
        others = [exit for exit in place.exits if self.shape.inline(exit, place.name)]
        if len(straight) != 1 or len(others) != 1:
            return False
        return bool(straight[0].moves) or self.shape.size[others[0].target] > 1

    def _switch(
        self, place: Place, numbers: tuple[tuple[int, ...], ...], context: Context, out: list[Stmt]
    ) -> str | None:
        assert place.decision is not None
        *exits, default = place.exits
        flat = all(self._diverges(exit, place.name, context) for exit in exits)
        arms = [self._arm(exit, place.name, context) for exit in exits]
        orelse: list[Stmt] = [] if flat else self._arm(default, place.name, context)
        if len(numbers) < 3 and isinstance(place.decision, Text):
            for values, arm in reversed(list(zip(numbers, arms, strict=True))):
                orelse = [If(_is_one_of(place.decision, values), arm, orelse, place.span)]
            out.extend(orelse)
        else:
            cases = list(zip(numbers, arms, strict=True))
            if orelse:
                cases.append(((), orelse))
            out.append(Match(place.decision, cases, place.span))
        return self._go_on(default, place.name, context, out) if flat else None

    def _arm(self, exit: Exit, source: str, context: Context) -> list[Stmt]:
        out: list[Stmt] = []
        node = self._go_on(exit, source, context, out)
        return out if node is None else [*out, *self.emit(node, context)]

    def _go_on(self, exit: Exit, source: str, context: Context, out: list[Stmt]) -> str | None:
        """The edge's assignments; then its target, if that is written here, or how to get there."""
        if (
            not self.shape.inline(exit, source)
            and exit.args is not None
            and self._copies(exit.target, context)
        ):
            reworded = self.places[exit.target].reword(exit.args)
            if reworded is not None:
                out.extend([*exit.trace, *reworded])
                return None
        out.extend(exit.lines)
        if self.shape.inline(exit, source):
            return exit.target
        out.extend(self._goto(exit.target, context))
        return None

    def _copies(self, target: str, context: Context) -> bool:
        """Whether going to ``target`` from here means to write it again."""
        return self.shape.short(target) and target not in (context.follow, context.header, context.after)

    def _weight(self, exit: Exit, source: str) -> int:
        return self.shape.size[exit.target] if self.shape.inline(exit, source) else 0

    def _diverges(self, exit: Exit, source: str, context: Context) -> bool:
        """Whether the code on this edge never gets to ``context.follow``."""
        targets = self.shape.ways[exit.target] if self.shape.inline(exit, source) else (exit.target,)
        return all(
            target != context.follow
            and (target in (context.header, context.after) or self.shape.short(target))
            for target in targets
        )

    # ------------------------------------------------------------------------------------------- ways

    def _goto(self, target: str, context: Context) -> list[Stmt]:
        """How control gets to ``target``, which is written elsewhere."""
        if self._copies(target, context):
            return list(self.places[target].lines)
        if target not in (context.follow, context.header, context.after):
            if self.shape.leaves(target, FEW):
                return list(self.places[target].lines)
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
        for target in sorted(raised, key=self.shape.position.__getitem__):
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
        ordered = sorted(raised, key=self.shape.position.__getitem__)
        lines: list[Stmt] = [Line(f"{self.flag(target)} = False") for target in ordered]
        lower = {f"{flag} = False" for flag in self.flags.values()}
        already = list(takewhile(lambda stmt: isinstance(stmt, Line) and stmt.text in lower, out[at:]))
        out[at:at] = [line for line in lines if line not in already]

    def _unless(self, active: set[str], code: list[Stmt]) -> list[Stmt]:
        """``code``, skipped when one of the flags is raised."""
        for target in sorted(active, key=self.shape.position.__getitem__):
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
        ours = after is not None and self.shape.dominates(header, after) and after not in self.placed
        if after is not None and ours:
            self.shape.labels.add(after)
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
        return any(
            self.shape.dominates(header, label) and self.shape.dominates(label, node)
            for label in self.placed
        )

    def _choose_after(self, header: str, context: Context) -> str | None:
        """The node that ``break`` leads to: where most code can be written behind the loop.

        Not one from which a node that has to be written inside of the loop is reached.
        """
        members = self.shape.loops[header]
        region = [node for node in self.shape.dominated(header) if not self._elsewhere(header, node)]
        inside = set(region)
        ways = [
            (node, exit.target)
            for node in region
            for exit in self.places[node].exits
            if exit.target not in inside and not self.shape.short(exit.target)
        ]
        outer = [
            exit.target for node in region for exit in self.places[node].exits if exit.target not in inside
        ]
        candidates: list[tuple[int, int, int, str]] = []
        for node in region:
            if node in members or self.shape.idom[node] not in members:
                continue
            if any(target in inside and not self.shape.short(target) for target in self.shape.ways[node]):
                continue
            bad = sum(not self.shape.dominates(node, source) for source, _ in ways)
            candidates.append((bad, -self.shape.size[node], -self.shape.position[node], node))
        for target in dict.fromkeys(outer):
            bad = sum(other != target for _, other in ways)
            near = 0 if target == context.follow else 1
            candidates.append((bad, 0, near, target))
        return min(candidates)[3] if candidates else None


def _is_one_of(number: Expr, values: tuple[int, ...]) -> Expr:
    if len(values) == 1:
        return Apply("{0} == {1}", (number, constant(*values)), 6, (7, 7))
    return Apply("{0} in {1}", (number, Text(str(values))), 6, (7, 7))

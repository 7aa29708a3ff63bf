"""Rewrite of the graph before it is structured: ways that decide between the same places meet first.

Passes copy a decision behind each of the ways that lead to it. Where these ways then go to the same places,
no nested statements say that without flags; so each notes what it decided, and one place acts on it
(cross jumping: the inverse of tail duplication)::

    one:    …  branch c ? a : b              one:    …  decided = c   jump joined
    other:  …  branch d ? a : b         →    other:  …  decided = d   jump joined
                                             joined: branch decided ? a : b

What a place assigns whichever way it goes, it assigns before it notes anything.
"""

from __future__ import annotations

from dyncc.runtime.host.expressions import Expr, Text
from dyncc.runtime.host.flow import immediate_dominators, predecessors, reverse_postorder
from dyncc.runtime.host.names import identifier
from dyncc.runtime.host.shape import Exit, Place
from dyncc.runtime.host.statements import Line, words
from dyncc.runtime.host.wording import text
from dyncc.runtime.records import record


@record
class _Decision:
    """A place that decides: what it assigns whichever way it goes, and its exits without that."""

    place: Place
    common: list[Line]
    exits: list[Exit]


def join_decisions(places: dict[str, Place], entry: str, taken: set[str]) -> None:
    """Let places that decide between the same ways lead to one place that does.

    ``taken`` are the names that a variable may not have. Where every loop has one entry, that stays so.
    """
    groups: dict[tuple[object, ...], list[_Decision]] = {}
    for place in places.values():
        if place.decision is not None and place.name != entry:
            decision = _factored(place, places)
            ways = ((exit.target, *(line.text for line in exit.lines)) for exit in decision.exits)
            groups.setdefault((place.cases, *ways), []).append(decision)
    for group in groups.values():
        if len(group) > 1:
            _join(group, places, entry, taken)


def _factored(place: Place, places: dict[str, Place]) -> _Decision:
    """The place with what all its exits assign before it decides, if they do assign the same.

    A way that assigns nothing, and whose target leaves the method, may share in that if it asks for none
    of the variables.
    """
    onward = [exit for exit in place.exits if places[exit.target].exits]
    common = (onward or place.exits)[0].moves
    texts = [line.text for line in common]
    assigned = {word for line in common for word in words(line.text.partition("=")[0])}
    for exit in place.exits:
        if [line.text for line in exit.moves] == texts:
            continue
        if (
            exit in onward
            or exit.moves
            or any(assigned & words(line.text) for line in places[exit.target].lines)
        ):
            return _Decision(place, [], place.exits)
    return _Decision(place, common, [Exit(exit.target, [], exit.trace) for exit in place.exits])


def _join(group: list[_Decision], places: dict[str, Place], entry: str, taken: set[str]) -> None:
    first = group[0].place
    name = f"<joined {first.name}>"
    graph = {place.name: [exit.target for exit in place.exits] for place in places.values()}
    was = _is_reducible(entry, graph)
    graph[name] = graph[first.name]
    graph.update((decision.place.name, [name]) for decision in group)
    if was and not _is_reducible(entry, graph):
        return
    noted, acted_on = _noted(group, taken)
    exits = group[0].exits
    places[name] = Place(name, [], exits, acted_on, first.cases, first.span, f"{first.label}_decided")
    for decision, lines in zip(group, noted, strict=True):
        place = decision.place
        place.decision, place.cases = None, None
        place.exits = [Exit(name, [*lines, *decision.common])]


def _noted(group: list[_Decision], taken: set[str]) -> tuple[list[list[Line]], Expr]:
    """Of each place the lines that note what it decided, and the expression that says it afterwards."""
    decisions = [decision.place.decision for decision in group]
    first = decisions[0]
    assert first is not None
    if all(decision == first for decision in decisions) and not any(d.common for d in group):
        return [[] for _ in group], first
    variable = identifier("decided" if group[0].place.cases is None else "chosen", taken)
    taken.add(variable)
    return [
        [Line(f"{variable} = {text(decision)}", member.place.span)]
        for member, decision in zip(group, decisions, strict=True)
        if decision is not None
    ], Text(variable)


def _is_reducible(entry: str, graph: dict[str, list[str]]) -> bool:
    """Whether every loop has one entry: an edge back leads to what dominates the place that it leaves."""
    order = reverse_postorder(entry, graph)
    position = {node: index for index, node in enumerate(order)}
    idom = immediate_dominators(order, predecessors(order, graph))
    for node in order:
        for target in graph[node]:
            if position[target] > position[node]:
                continue
            above = node
            while position[above] > position[target]:
                above = idom[above]
            if above != target:
                return False
    return True

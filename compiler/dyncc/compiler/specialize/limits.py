"""What to tell where a program grows without end: what multiplies its blocks, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dyncc.compiler.diagnostics import Diagnostic
from dyncc.compiler.specialize.execution.frames import Frame
from dyncc.compiler.specialize.facts import Place
from dyncc.compiler.specialize.lists.elements import uneven_part
from dyncc.compiler.specialize.state.snapshot import Snapshot
from dyncc.runtime.program import Span

MANY_CALLS = 8
"""Calls of one function that are open at once, where a program without end is taken for a recursion."""
MANY_STATES = 20
"""States of one point from which on it is named as what multiplies the blocks."""


def too_large(
    message: str, span: Span | None, snapshots: Sequence[Snapshot], helps: Sequence[str]
) -> Diagnostic:
    """At ``span``, or else at the expression of the method itself where most blocks begin."""
    label = "while compiling this"
    if span is None:
        label = ""
        frames = [snapshot.frames[0] for snapshot in snapshots if snapshot.frames]
        if frames:
            ((span, count),) = Counter(map(_span_of, frames)).most_common(1)
            label = f"{count} of them begin here, or in what this calls"
    notes, more = differing(snapshots)
    return Diagnostic("DY106", message, span, label=label, notes=notes, helps=(*more, *filter(None, helps)))


def differing(snapshots: Sequence[Snapshot]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which containers are of several lengths in the states of the point that has most; what to do."""
    points = Counter(snapshot.point for snapshot in snapshots)
    point, count = points.most_common(1)[0] if points else ((), 0)
    if count < MANY_STATES:
        return (), ()
    found: dict[str, set[int]] = {}
    held: dict[str, list[Any]] = {}
    for snapshot in snapshots:
        for _, content, path in snapshot.objects if snapshot.point == point else ():
            name = _variable(path)
            if name:
                found.setdefault(name, set()).add(len(content))
                held.setdefault(name, []).extend(value for _, value in content)
    several = {name: lengths for name, lengths in found.items() if len(lengths) > 1}
    if not several:
        return (), ()
    words = [f"`{name}` {min(lengths)} to {max(lengths)}" for name, lengths in several.items()]
    note = f"the values that lists hold in its {count} states at one place: {', '.join(words[:4])}"
    uneven = {name: part for name in several if (part := uneven_part(held[name]))}
    helps = (
        f"keep values of one form in `{name}`, since else each length is a state of its own: {part}"
        for name, part in uneven.items()
    )
    return (note,), tuple(helps)[:2]


def _variable(path: tuple[Any, ...]) -> str:
    """The variable, or attribute, of the user's that a path leads to; empty for any other."""
    match path:
        case ("frame", _, str(name)) if name.isidentifier():
            return name
        case ("frame", _, str(name), str(attribute)) if name.isidentifier():
            return f"{name}.{attribute}"
        case _:
            return ""


def recursion(snapshots: Sequence[Snapshot]) -> Diagnostic | None:
    """What there is to tell of a function that calls itself again and again, where one does."""
    deepest = max(snapshots, key=lambda snapshot: len(snapshot.point), default=None)
    if deepest is None:
        return None
    codes = Counter(frame.function.code for frame in deepest.frames)
    code, open_ = codes.most_common(1)[0] if codes else (None, 0)
    if open_ < MANY_CALLS:
        return None
    calls = [frame for frame in deepest.frames[:-1] if frame.function.code is code]
    name = calls[0].function.name.rpartition(".")[2]
    return Diagnostic(
        "DY105",
        f"`{name}` calls itself as often as data tell, which cannot be unrolled",
        _span_of(calls[0]),
        label="this call",
        notes=(f"{open_} calls of it are open; recursion must end on values known while compiling",),
        helps=("write the recursion as a loop with an explicit stack of tensors",),
    )


def reason(snapshots: Sequence[Snapshot], reasons: Mapping[Place, Diagnostic]) -> Diagnostic | None:
    """Why something was kept static at the point that multiplies most, or in its code."""
    points = Counter(snapshot.point for snapshot in snapshots)
    point, count = points.most_common(1)[0] if points else ((), 0)
    if count < min(MANY_STATES, len(snapshots) // 20):  # (the user may have set low limits)
        return None
    codes = {frame[0] for frame in point}
    for place, why in reasons.items():
        if place[0] == point or codes & {frame[0] for frame in place[0] if type(frame) is tuple}:
            return why
    return None


def growth(before: Snapshot, after: Snapshot) -> str:
    """The containers that differ in length between two states, in words."""
    lengths = {path: len(content) for _, content, path in before.objects}
    grown = [
        f"`{path[1]}` holds {len(content)} values"
        for _, content, path in after.objects
        if len(path) == 2 and lengths.get(path, len(content)) != len(content)
    ]
    return f" ({', '.join(grown[:3])} by now)" if grown else ""


def _span_of(frame: Frame) -> Span:
    """What a frame is at, or has called."""
    instructions = frame.block.instructions
    return instructions[max(frame.index - 1, 0)].span if instructions else frame.block.terminator.span

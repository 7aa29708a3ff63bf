"""Generalization: where states of one program point differ, what differs may become dynamic.

At a join and at a back edge a second state of the same skeleton is not given a block of its own: numbers,
texts and lengths of lists that differ become parameters. Sizes of tensors do so only after several
states, and so do the values of small tensors that depend on constants alone: to know them is worth much.
"""

from __future__ import annotations

from typing import Any

from dyncc.compiler.specialize.facts import Facts
from dyncc.compiler.specialize.lists.elements import common
from dyncc.compiler.specialize.state.leaves import Path, Slot
from dyncc.compiler.specialize.state.sizes import size_place
from dyncc.compiler.specialize.state.snapshot import Snapshot
from dyncc.compiler.specialize.values import SESSION, is_scalar, kind_of

_TENSORS = ("sharing", "constant", "weight")
SIZE_BUDGET = 3
"""States of one point that differ in sizes alone before the sizes become symbols."""


def generalize(
    snapshot: Snapshot,
    variants: dict[Any, list[Snapshot]],
    shapeless: dict[Any, list[Snapshot]],
    facts: Facts,
    states: list[Snapshot] | None = None,
) -> bool:
    """Learn what to generalize so that ``snapshot`` meets an earlier state; whether there was anything."""
    earlier = variants.get(snapshot.skeleton, [])
    if states is not None:
        earlier = [s for s in states if s.skeleton == snapshot.skeleton]
    if any(_widen_ranges(other, snapshot, facts) for other in earlier):
        return True
    learned = False
    anything = states is not None or len(earlier) >= SIZE_BUDGET
    grown = _grown(snapshot, earlier)
    for other in reversed(earlier):
        if _widen(other, snapshot, facts, anything, grown):
            learned = True
            break
    if learned:
        return True
    similar = shapeless.get(snapshot.shapeless, [])
    if states is not None:
        similar = [s for s in states if s.shapeless == snapshot.shapeless]
    budget = 1 if states is not None else SIZE_BUDGET
    return bool(len(similar) >= budget and _widen_sizes(similar[-1], snapshot, facts))


def _grown(snapshot: Snapshot, earlier: list[Snapshot]) -> set[Path]:
    """The lists that have another length in an earlier state: they are to be generalized, and not what
    differs in their elements, of which there are ever more."""
    return {
        path
        for path, slot in snapshot.slots.items()
        if slot.kind == "list" and isinstance(slot.value, list)
        for other in earlier
        if (found := other.slots.get(path)) is not None
        and not (isinstance(found.value, list) and len(found.value) == len(slot.value))
    }


def _widen(left: Snapshot, right: Snapshot, facts: Facts, anything: bool, grown: set[Path]) -> bool:
    """What differs between two states becomes dynamic; values of constant tensors only if ``anything``."""
    learned = False
    for path, slot in right.slots.items():
        other = left.slots.get(path)
        if other is None or (grown and any(path[:end] in grown for end in range(1, len(path)))):
            continue
        place = (right.point, path)
        if slot.kind in _TENSORS and other.kind in _TENSORS:
            if slot.kind == other.kind == "weight" and right.point != SESSION:
                continue  # one of several weights: a state of its own for each
            if anything or slot.kind == other.kind == "sharing":
                learned |= _split(place, other, slot, facts)
        elif other.kind != slot.kind:
            continue
        elif slot.kind == "number":
            learned |= _widen_number(place, other, slot, facts)
        elif slot.kind == "text":
            learned |= _widen_text(place, other, slot, facts)
        elif slot.kind == "list":
            learned |= _widen_list(place, other, slot, facts)
    if learned:
        facts.note(f"generalize at {right.point[-1] if right.point else ''}")
    return learned


def _split(place: Any, left: Slot, right: Slot, facts: Facts) -> bool:
    """Tensors that differ in the memory they share or in being known already."""
    if left == right:
        return False
    generalized = facts.unknown if facts.is_exact(place) else facts.split
    if place in generalized or (generalized is facts.unknown and "constant" not in (left.kind, right.kind)):
        return False
    generalized.add(place)
    return True


def _widen_number(place: Any, left: Slot, right: Slot, facts: Facts) -> bool:
    """Numbers of unequal values, or one that is known beside one that is not."""
    dynamic = is_scalar(left.value), is_scalar(right.value)
    if all(dynamic) or place in facts.widen or facts.keeps(place):
        return False
    if not any(dynamic) and repr(left.value) == repr(right.value):
        return False
    if kind_of(left.value) != kind_of(right.value):
        return False
    facts.widen.add(place)
    return True


def _widen_text(place: Any, left: Slot, right: Slot, facts: Facts) -> bool:
    """Texts, or members of enums, that differ: one of finitely many (*The Trick*)."""
    if left.value == right.value or facts.keeps(place):
        return False
    table = facts.tables.setdefault(place, [])
    new = [value for value in (*left.value, *right.value) if value not in table]
    for value in new:
        if value not in table:
            table.append(value)
    return bool(new)


def _widen_list(place: Any, left: Slot, right: Slot, facts: Facts) -> bool:
    """Lists of unequal length, or one of known length beside one that is not."""
    dynamic = [not isinstance(slot.value, list) for slot in (left, right)]
    if all(dynamic) or place in facts.elements or facts.keeps(place):
        return False
    if not any(dynamic) and len(left.value) == len(right.value):
        return False
    samples = [slot.value if isinstance(slot.value, list) else [slot.value] for slot in (left, right)]
    element = common([value for values in samples for value in values])
    if element is None:
        return False
    facts.elements[place] = element
    return True


def _widen_ranges(left: Snapshot, right: Snapshot, facts: Facts) -> bool:
    """States that differ in nothing but what sizes can be, and which lists grow together."""
    if facts.told_late or left.key == right.key or left.key[:-2] != right.key[:-2]:
        return False
    learned = False
    if left.classes != right.classes:
        for path in left.classes.keys() & right.classes.keys():
            (one, more), (other, now) = left.classes[path], right.classes[path]
            facts.part_lengths((right.point, path), (one, other, more - now))
            learned = True
    for name in left.ranges.keys() & right.ranges.keys():
        (one, place), (other, _) = left.ranges[name], right.ranges[name]
        if one != other:
            facts.widen_range(place, one.hull(other))
            learned = True
    if learned:
        facts.note(f"ranges differ at {right.point[-1] if right.point else ''}")
    return learned


def _widen_sizes(left: Snapshot, right: Snapshot, facts: Facts) -> bool:
    learned = False
    for path, sizes in right.sizes.items():
        other = left.sizes.get(path)
        if other is None or len(other) != len(sizes):
            continue
        for axis, (a, b) in enumerate(zip(other, sizes, strict=True)):
            place = size_place(right.point, path, axis, len(sizes))
            if a == b or facts.keeps(place):
                continue
            generalized = facts.unrelated if {type(a), type(b)} == {str} else facts.symbols
            if place not in generalized:
                generalized.add(place)
                learned = True
        if other != sizes:
            learned |= _forget_values(
                (right.point, path), left.slots.get(path), right.slots.get(path), facts
            )
    if learned:
        facts.note(f"sizes vary at {right.point[-1] if right.point else ''}")
    return learned


def _forget_values(place: Any, left: Slot | None, right: Slot | None, facts: Facts) -> bool:
    """Of a tensor whose sizes vary the values cannot be known, though they depend on constants alone."""
    if left is None or right is None or "constant" not in (left.kind, right.kind):
        return False
    return _split(place, left, right, facts)

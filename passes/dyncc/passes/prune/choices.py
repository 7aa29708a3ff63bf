"""Which factors of reshaped axes are pruned: heads or what is within them, groups or their channels.

Two axes that belong together through several reshapes (the heads of query, key and value) must choose
alike, so factors are grouped by what ties them outside of the reshapes; the sets with the finest channels
win.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dyncc.passes.prune.atoms import Atoms, Components, Indices, Ties
from dyncc.passes.prune.description import Choice

ROUNDS = 4
"""How often factors that turned out to be frozen are given up for others."""


@dataclass(frozen=True)
class Resolved:
    """All ties, with those of the choices, and their classes."""

    ties: Ties
    components: Components


def resolve(atoms: Atoms, ties: Ties, choices: Sequence[Choice], whole: bool = False) -> Resolved:
    """Choose factors and tie the axes accordingly.

    ``whole`` prefers outer factors (whole heads, whole groups) to the finest.
    """
    if not choices:
        return Resolved(ties, ties.components(atoms.size))
    factors = [[atoms.fresh(size) for size in choice.sizes] for choice in choices]
    open_ties = ties + _direct(choices, factors)
    sets = _sets(choices, factors, open_ties.components(atoms.size))
    banned: set[int] = set()
    while True:
        active = _activate(choices, sets, banned, whole)
        chosen = open_ties + _chosen(choices, factors, active)
        components = chosen.components(atoms.size)
        removable = _removable(atoms, components)
        useless = {
            number
            for number, found in enumerate(sets)
            if number in active.sets
            and not any(removable[factors[choice][factor]].any() for choice, factor in found.members)
        }
        if not useless or len(banned) > ROUNDS * len(sets):
            return Resolved(chosen, components)
        banned |= useless


def _removable(atoms: Atoms, components: Components) -> NDArray[np.bool_]:
    """By atom whether it may go: it does not stay for a reason, nor as the only index of an axis.

    So ``q, k, v = x.reshape(…, 3, heads, width).unbind(…)`` leaves the three alone, and heads can go.
    """
    lone = np.zeros(components.reasons.size, np.bool_)
    lone[[components.labels[axis[0]] for axis in atoms.axes() if axis.size == 1]] = True
    return ((components.reasons < 0) & ~lone)[components.labels]


@dataclass(frozen=True)
class _Set:
    """Factors (choice, factor) that are tied to each other outside of choices.

    ``channels``: free classes.
    """

    members: tuple[tuple[int, int], ...]
    channels: int


@dataclass
class _Active:
    factors: list[set[int]]
    """By choice, the factors that are pruned."""
    sets: set[int] = field(default_factory=set[int])


def _direct(choices: Sequence[Choice], factors: Sequence[Sequence[Indices]]) -> Ties:
    """An axis of one factor is that factor, whatever is chosen."""
    ties = Ties()
    for choice, mine in zip(choices, factors, strict=True):
        for atoms, numbers in choice.dims:
            if len(numbers) == 1:
                ties.tie(atoms, mine[numbers[0]])
        for number in choice.pinned:
            ties.freeze(mine[number], f"`{choice.node.op_type}` keeps its blocks")
    return ties


def _sets(
    choices: Sequence[Choice], factors: Sequence[Sequence[Indices]], components: Components
) -> list[_Set]:
    """The sets of factors that share a class, by union-find over factors through classes."""
    places = [(c, f) for c, choice in enumerate(choices) for f in range(len(choice.sizes))]
    nodes = Atoms()
    numbers = nodes.fresh(len(places))
    labels = [np.unique(components.labels[factors[c][f]]) for c, f in places]
    distinct, index = np.unique(np.concatenate([*labels, _empty()]), return_inverse=True)
    classes = nodes.fresh(distinct.size)
    ties = Ties()
    start = 0
    for number, found in zip(numbers, labels, strict=True):
        ties.tie(classes[index[start : start + found.size]], number[None])
        start += found.size
    owner = ties.components(nodes.size).labels[numbers]
    sets: list[_Set] = []
    for label in dict.fromkeys(owner.tolist()):
        members = tuple(place for place, mine in zip(places, owner, strict=True) if mine == label)
        sets.append(_Set(members, _channels(members, factors, components)))
    return sets


def _empty() -> Indices:
    return np.zeros(0, np.int64)


def _channels(
    members: Sequence[tuple[int, int]], factors: Sequence[Sequence[Indices]], components: Components
) -> int:
    """The number of classes that may be removed, in the factor that has the fewest."""
    counts = []
    for choice, factor in members:
        atoms = factors[choice][factor]
        counts.append(np.unique(components.labels[atoms[components.free(atoms)]]).size)
    return min(counts)


def _activate(choices: Sequence[Choice], sets: Sequence[_Set], banned: set[int], whole: bool) -> _Active:
    """Greedily, the set of the most channels first; of equal ones the first in the network."""
    active = _Active([set() for _ in choices])

    def rank(number: int) -> tuple[int, int]:
        found = sets[number]
        inner = whole and any(factor > 0 for _, factor in found.members)
        return (int(inner), -found.channels)

    order = sorted(range(len(sets)), key=rank)
    for number in order:
        found = sets[number]
        if number in banned or found.channels < 1:
            continue
        if all(_compatible(choices[c], active.factors[c] | {f}) for c, f in found.members):
            for c, f in found.members:
                active.factors[c].add(f)
            active.sets.add(number)
    return active


def _compatible(choice: Choice, factors: set[int]) -> bool:
    """Whether no axis is made of two of these."""
    return all(len(factors.intersection(numbers)) < 2 for _, numbers in choice.dims)


def _chosen(choices: Sequence[Choice], factors: Sequence[Sequence[Indices]], active: _Active) -> Ties:
    """Every axis goes with the factor of it that is pruned; one without any stays."""
    ties = Ties()
    for choice, mine, pruned in zip(choices, factors, active.factors, strict=True):
        for dim, (atoms, numbers) in enumerate(choice.dims):
            found = pruned.intersection(numbers)
            if not found:
                ties.freeze(atoms, _reason(choice, numbers, pruned))
            elif len(numbers) > 1:
                (factor,) = found
                block = np.moveaxis(choice.block(dim), numbers.index(factor), -1)
                ties.tie(block, mine[factor])
    return ties


def _reason(choice: Choice, numbers: tuple[int, ...], pruned: set[int]) -> str:
    shape = "×".join(str(choice.sizes[number]) for number in numbers)
    if pruned:
        other = "×".join(str(choice.sizes[number]) for number in sorted(pruned))
        return f"of an axis that `{choice.node.op_type}` splits the {other} are pruned, so the {shape} stay"
    return f"no factor of an axis that `{choice.node.op_type}` splits ({shape}) can be pruned"

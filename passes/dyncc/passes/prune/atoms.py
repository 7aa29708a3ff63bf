"""Atoms: every index of every axis of every value, and what ties them into channels.

An atom is one (value, axis, index). Operators tie atoms that must be removed together and freeze those that
must stay; the connected components are the coupled channels (SPA, Wang et al. 2024, arXiv 2403.18955,
section 3, as equivalence classes in place of one mask propagated a channel). Time and memory are linear in
the total length of the axes.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Indices = NDArray[np.int64]
"""Numbers of atoms, or indices along an axis."""

_NONE: Indices = np.zeros(0, np.int64)


def dims(value: onnx_ir.Value) -> tuple[int | str | None, ...] | None:
    """The shape of a value: sizes, names of unknown ones (None where they have none); None without rank."""
    constant = value.const_value
    if constant is not None:
        return tuple(int(size) for size in constant.shape.numpy())
    if value.shape is None:
        return None
    return tuple(size if isinstance(size, int) else size.value for size in value.shape)


@dataclass(eq=False)
class Atoms:
    """Numbers the atoms of values. Values with the same key (see ``share``) have the same atoms."""

    size: int = 0
    _axes: dict[Hashable, tuple[Indices, ...]] = field(
        default_factory=dict[Hashable, "tuple[Indices, ...]"]
    )
    _keys: dict[onnx_ir.Value, Hashable] = field(default_factory=dict[onnx_ir.Value, Hashable])

    def share(self, value: onnx_ir.Value, key: Hashable) -> None:
        """Let ``value`` have the atoms of ``key``, which stands for one array (a weight of many graphs)."""
        self._keys[value] = key

    def of(self, value: onnx_ir.Value) -> tuple[Indices, ...]:
        """The atoms of each axis; none for an axis of unknown size, no axes for a value without rank."""
        return self.of_key(self._keys.get(value, value), dims(value) or ())

    def of_key(self, key: Hashable, shape: Sequence[int | str | None]) -> tuple[Indices, ...]:
        """As ``of``, for what is no value of a graph."""
        found = self._axes.get(key)
        if found is None:
            found = tuple(self._new(size) for size in shape)
            self._axes[key] = found
        return found

    def axes(self) -> list[Indices]:
        """Every axis of known size that is not empty, of everything."""
        return [axis for axes in self._axes.values() for axis in axes if axis.size]

    def fresh(self, count: int) -> Indices:
        """Atoms of no value: those of a factor of an axis."""
        return self._new(count)

    def _new(self, size: int | str | None) -> Indices:
        if not isinstance(size, int):
            return _NONE
        self.size += size
        return np.arange(self.size - size, self.size)


@dataclass
class Ties:
    """Pairs of atoms that go together, and atoms that stay, with the reasons."""

    pairs: list[tuple[Indices, Indices]] = field(default_factory=list["tuple[Indices, Indices]"])
    frozen: list[tuple[Indices, str]] = field(default_factory=list["tuple[Indices, str]"])

    def tie(self, one: Indices, other: Indices) -> None:
        """Index by index; both may be of any shape that broadcasts to the other's."""
        if one.size and other.size:
            a, b = np.broadcast_arrays(one, other)
            self.pairs.append((a.ravel(), b.ravel()))

    def freeze(self, atoms: Indices, reason: str) -> None:
        if atoms.size:
            self.frozen.append((atoms.ravel(), reason))

    def __add__(self, other: Ties) -> Ties:
        return Ties(self.pairs + other.pairs, self.frozen + other.frozen)

    def components(self, size: int) -> Components:
        """The classes of atoms 0 … size."""
        one = np.concatenate([a for a, _ in self.pairs]) if self.pairs else _NONE
        other = np.concatenate([b for _, b in self.pairs]) if self.pairs else _NONE
        matrix = coo_array((np.ones(one.size, np.bool_), (one, other)), shape=(size, size))
        found: Any = connected_components(matrix, directed=False)
        count, labels = found
        reasons = np.full(count, -1, np.int64)
        if self.frozen:
            atoms = np.concatenate([a for a, _ in self.frozen])
            numbers = np.repeat(np.arange(len(self.frozen)), [a.size for a, _ in self.frozen])
            # backwards, so that the first reason of a class is the one that stays
            reasons[labels[atoms[::-1]]] = numbers[::-1]
        return Components(labels.astype(np.int64), reasons, [reason for _, reason in self.frozen])


@dataclass(frozen=True)
class Components:
    """The classes: ``labels`` by atom; ``reasons`` by class, the index of why it stays, or -1."""

    labels: Indices
    reasons: Indices
    texts: Sequence[str]

    def free(self, atoms: Indices) -> NDArray[np.bool_]:
        """Which of these atoms may be removed."""
        return self.reasons[self.labels[atoms]] < 0

    def reason(self, atoms: Indices) -> str | None:
        """Why the first frozen one of these atoms stays."""
        numbers = self.reasons[self.labels[atoms]]
        numbers = numbers[numbers >= 0]
        return self.texts[int(numbers[0])] if numbers.size else None

"""What an operator says: which atoms it ties, which channels it sums up, what it offers to choose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx_ir

from dyncc.passes.prune.atoms import Atoms, Indices, Ties, dims


@dataclass(frozen=True, eq=False)
class Contraction:
    """``node`` sums over an axis of an input, so a removed channel counts as zero there.

    ``kind`` is ``sum``; ``mean`` for a mean over all channels, which the rewriting makes up for by a
    factor; ``norm`` for a mean inside a normalization, which is taken over the channels that are left.
    """

    node: onnx_ir.Node
    input: int
    axis: int
    kind: str = "sum"


@dataclass(frozen=True, eq=False)
class Norm:
    """``node`` normalizes input 0 over ``axes``, each group of axis 1 by itself.

    Lossy where one is pruned.
    """

    node: onnx_ir.Node
    axes: tuple[int, ...]
    groups: int = 1


@dataclass(frozen=True, eq=False)
class Choice:
    """Axes that are products of factors, of which some may be pruned and the others stay whole.

    ``sizes`` are those of the factors; each of ``dims`` is an axis with the factors that it is made of, the
    outermost first. Two factors of one axis cannot both be pruned: what is left would still be a
    product, but twice as small as asked for. A factor in ``pinned`` stays.
    """

    node: onnx_ir.Node
    sizes: tuple[int, ...]
    dims: tuple[tuple[Indices, tuple[int, ...]], ...]
    pinned: frozenset[int] = frozenset()

    def block(self, dim: int) -> Indices:
        """The atoms of an axis, by its factors."""
        atoms, factors = self.dims[dim]
        return atoms.reshape([self.sizes[factor] for factor in factors])


@dataclass(eq=False)
class Description:
    """Collects what the operators of a network say. The helpers name axes from the end by negative numbers.

    Every axis of an operator's inputs and outputs that its rule does not mention is frozen, so that a rule
    that forgets one is safe.
    """

    atoms: Atoms
    ties: Ties = field(default_factory=Ties)
    contractions: list[Contraction] = field(default_factory=list[Contraction])
    norms: list[Norm] = field(default_factory=list[Norm])
    choices: list[Choice] = field(default_factory=list[Choice])
    opset: int = 18
    produced: set[int] = field(default_factory=set[int])
    """The first atom of every axis of a weight that makes channels: the outputs of a layer."""
    rewrites_graph: bool = True
    """Whether nodes may be added (not where the pruned network keeps its own code)."""
    _mentioned: set[tuple[onnx_ir.Value, int]] = field(default_factory=set["tuple[onnx_ir.Value, int]"])

    # ------------------------------------------------------------------------------------- looking

    def rank(self, value: onnx_ir.Value) -> int:
        return len(dims(value) or ())

    def size(self, value: onnx_ir.Value, axis: int) -> int | str | None:
        return (dims(value) or ())[axis]

    def axis(self, value: onnx_ir.Value, axis: int) -> Indices:
        """The atoms of an axis, which counts as mentioned."""
        axes = self.atoms.of(value)
        self._mentioned.add((value, axis % len(axes)))
        return axes[axis]

    def free(self, value: onnx_ir.Value, *axes: int) -> None:
        """These axes may be pruned as far as this operator is concerned."""
        for axis in axes:
            self.axis(value, axis)

    # ------------------------------------------------------------------------------------- saying

    def tie(self, one: onnx_ir.Value, axis: int, other: onnx_ir.Value, other_axis: int) -> None:
        """Two axes of the same size, index by index; sizes that differ or are unknown freeze both."""
        self.tie_atoms(self.axis(one, axis), self.axis(other, other_axis))

    def tie_atoms(self, one: Indices, other: Indices) -> None:
        if one.size == other.size:
            self.ties.tie(one, other)
        else:
            for atoms in (one, other):
                self.ties.freeze(atoms, "the size of an axis that goes with it is not known")

    def same(self, one: onnx_ir.Value, other: onnx_ir.Value, axes: Sequence[int] | None = None) -> None:
        """The axes (all of them, without ``axes``) of two values of the same shape."""
        for axis in range(self.rank(one)) if axes is None else axes:
            self.tie(one, axis, other, axis)

    def broadcast(self, value: onnx_ir.Value, result: onnx_ir.Value, skip: int = 0) -> None:
        """The axes of ``value``, aligned from the right, with those of ``result`` that it is broadcast to.

        ``skip`` leaves out the last axes; an axis of size 1 goes with any size.
        """
        for axis in range(-self.rank(value), -skip):
            size = self.size(value, axis)
            if size == 1:
                self.free(value, axis)
            else:
                self.tie(value, axis, result, axis)
        self.free(result, *range(-self.rank(result), -skip))

    def freeze(self, value: onnx_ir.Value, axis: int, reason: str) -> None:
        self.ties.freeze(self.axis(value, axis), reason)

    def contract(self, node: onnx_ir.Node, index: int, axis: int, kind: str = "sum") -> None:
        value = node.inputs[index]
        assert value is not None
        self.contractions.append(Contraction(node, index, axis % self.rank(value), kind))

    def produce(self, weight: onnx_ir.Value, axis: int) -> None:
        """Channels of this axis are made by ``weight``, if it is one or a transposed one."""
        maker = weight.producer()
        if maker is not None and maker.op_type == "Transpose" and maker.inputs[0] is not None:
            order = (
                maker.attributes["perm"].value
                if "perm" in maker.attributes
                else range(self.rank(weight))[::-1]
            )
            weight, axis = maker.inputs[0], order[axis]
        atoms = self.atoms.of(weight)[axis]
        if weight.const_value is not None and atoms.size:
            self.produced.add(int(atoms[0]))

    def choose(
        self,
        node: onnx_ir.Node,
        sizes: Sequence[int],
        axes: Sequence[tuple[onnx_ir.Value, int, tuple[int, ...]]],
        pinned: Sequence[int] = (),
    ) -> None:
        """Offer a choice (see :class:`Choice`) among the factors of axes ``(value, axis, factors)``."""
        kept = [factor for factor, size in enumerate(sizes) if size > 1]
        renumbered = {factor: number for number, factor in enumerate(kept)}
        found = [
            (self.axis(value, axis), tuple(renumbered[f] for f in factors if f in renumbered))
            for value, axis, factors in axes
        ]
        # an axis of another size than its factors say cannot follow them, so they stay wherever they are
        fits = [atoms.size == math.prod(sizes[kept[number]] for number in mine) for atoms, mine in found]
        strays = {number for fit, (_, mine) in zip(fits, found, strict=True) if not fit for number in mine}
        made: list[tuple[Indices, tuple[int, ...]]] = []
        for fit, (atoms, mine) in zip(fits, found, strict=True):
            if not fit or strays.intersection(mine):
                self.ties.freeze(atoms, f"the sizes of `{node.op_type}` are not known")
            elif mine:
                made.append((atoms, mine))
        self.choices.append(
            Choice(
                node,
                tuple(sizes[factor] for factor in kept),
                tuple(made),
                frozenset(renumbered[factor] for factor in pinned if factor in renumbered),
            )
        )

    # ------------------------------------------------------------------------------------- by the driver

    def freeze_all(self, node: onnx_ir.Node, reason: str) -> None:
        for value in (*node.inputs, *node.outputs):
            if value is not None:
                for axis in range(self.rank(value)):
                    self.freeze(value, axis, reason)

    def finish(self, node: onnx_ir.Node) -> None:
        """Freeze what the rule of ``node`` did not mention."""
        reason = f"`{node.op_type}` needs this axis whole"
        for value in (*node.inputs, *node.outputs):
            if value is not None:
                for axis, atoms in enumerate(self.atoms.of(value)):
                    if (value, axis) not in self._mentioned:
                        self.ties.freeze(atoms, reason)
        self._mentioned.clear()

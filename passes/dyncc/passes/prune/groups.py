"""Coupled channels of a network, and the groups in which they are compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from dyncc.passes.prune.atoms import Atoms, Components, Indices, dims
from dyncc.passes.prune.choices import resolve
from dyncc.passes.prune.description import Description
from dyncc.passes.prune.operators import operator_of

BODIES = frozenset({"If", "Loop", "Scan"})


@dataclass(frozen=True, eq=False)
class Member:
    """An axis of a weight, some or all of whose indices belong to a group.

    ``indices`` and ``channels`` are parallel: index ``indices[i]`` goes with channel ``channels[i]``.
    """

    value: onnx_ir.Value
    axis: int
    indices: Indices
    channels: Indices

    @property
    def name(self) -> str:
        return self.value.name or "?"


@dataclass(frozen=True, eq=False)
class Group:
    """Channels that touch the same axes of the same weights. ``labels`` are their classes.

    Groups of one ``family`` have the weight in common that makes their channels.
    """

    name: str
    family: str
    labels: Indices
    members: tuple[Member, ...]

    @property
    def size(self) -> int:
        return int(self.labels.size)


@dataclass(frozen=True)
class Frozen:
    """An axis of a weight that stays, and why."""

    weight: str
    axis: int
    size: int
    reason: str


@dataclass(frozen=True, eq=False)
class Network:
    """What is known of the channels of one or several graphs."""

    about: Description
    components: Components
    groups: tuple[Group, ...]
    frozen: tuple[Frozen, ...]

    def none(self) -> NDArray[np.bool_]:
        """By class, that nothing is removed."""
        return np.zeros(self.components.reasons.size, bool)

    def emptied(self, removed: NDArray[np.bool_]) -> list[Indices]:
        """The classes of every axis of which nothing would be left."""
        axes = self.about.atoms.axes()
        if not axes:
            return []
        gone = removed[self.components.labels[np.concatenate(axes)]]
        starts = np.cumsum([0, *(axis.size for axis in axes[:-1])])
        whole = np.logical_and.reduceat(gone, starts)
        return [self.components.labels[axes[number]] for number in np.flatnonzero(whole)]

    def kept(self, value: onnx_ir.Value, axis: int, removed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which indices of an axis stay, given the classes that are removed."""
        return self.kept_atoms(self.about.atoms.of(value)[axis], removed)

    def kept_atoms(self, atoms: Indices, removed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of these atoms stay. Atoms made after the ties were resolved belong to nothing and stay."""
        labels = self.components.labels
        if atoms.size and atoms[-1] >= labels.size:
            return np.ones(atoms.size, bool)
        return ~removed[labels[atoms]]


def describe(about: Description, graph: onnx_ir.Graph) -> None:
    """Let every node of a graph, and of the bodies in it, say what it ties."""
    for node in graph.all_nodes():
        operator = operator_of(node)
        if operator is None:
            name = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
            about.freeze_all(node, f"`{name}` is no operator that pruning knows")
        elif any(dims(value) is None for value in _values(node)) and node.op_type not in BODIES:
            about.freeze_all(node, f"a shape at `{node.op_type}` is not known")
        else:
            operator.describe(about, node)
        about.finish(node)


def _values(node: onnx_ir.Node) -> list[onnx_ir.Value]:
    """The inputs and outputs of a node that are there."""
    return [value for value in (*node.inputs, *node.outputs) if value is not None and value.name]


def freeze_interface(about: Description, graph: onnx_ir.Graph) -> None:
    """What the caller gives and gets keeps its shape."""
    for values, what in ((graph.inputs, "an input"), (graph.outputs, "an output")):
        for value in values:
            for atoms in about.atoms.of(value):
                about.ties.freeze(atoms, f"`{value.name}` is {what} of the network")


def groups_of_model(model: onnx_ir.Model, *, rewrites_graph: bool = True) -> Network:
    """The groups of a prepared model (see :func:`~dyncc.passes.prune.prepare.prepared`)."""
    opset = model.opset_imports.get("", 18)
    about = Description(Atoms(), opset=opset, rewrites_graph=rewrites_graph)
    describe(about, model.graph)
    freeze_interface(about, model.graph)
    return found_groups(about, [model.graph])


def weights_of(graphs: Iterable[onnx_ir.Graph]) -> list[onnx_ir.Value]:
    """The constants of graphs and of the bodies in them, in order."""
    found: list[onnx_ir.Value] = []
    for graph in graphs:
        found.extend(graph.initializers.values())
        for inner in graph.subgraphs():
            found.extend(inner.initializers.values())
    return list(dict.fromkeys(found))


def is_used(value: onnx_ir.Value) -> bool:
    """Whether a constant counts: something takes it, or the graph gives it (zeros to add to, say)."""
    return bool(value.uses()) or value.is_graph_output()


def found_groups(about: Description, graphs: Sequence[onnx_ir.Graph]) -> Network:
    """Resolve the choices and sort the free classes into groups."""
    weights = [value for value in weights_of(graphs) if is_used(value)]
    for value in weights:
        about.atoms.of(value)
    components = resolve(about.atoms, about.ties, about.choices, not about.rewrites_graph).components
    places = [(value, axis) for value in weights for axis in range(about.rank(value))]
    places = [place for place in places if about.atoms.of(place[0])[place[1]].size > 1]
    if not places:
        return Network(about, components, (), ())
    atoms = [about.atoms.of(value)[axis] for value, axis in places]
    frozen = tuple(
        Frozen(value.name or "?", axis, int(mine.size), reason)
        for (value, axis), mine in zip(places, atoms, strict=True)
        if is_floating(value) and (reason := components.reason(mine)) is not None
    )
    produced = [mine[0] in about.produced for mine in atoms]
    return Network(about, components, tuple(_groups(places, atoms, produced, components)), frozen)


def is_floating(value: onnx_ir.Value) -> bool:
    """Whether a value is a constant of floating-point numbers."""
    return value.const_value is not None and value.const_value.dtype.is_floating_point()


def _groups(
    places: Sequence[tuple[onnx_ir.Value, int]],
    atoms: Sequence[Indices],
    produced: Sequence[bool],
    components: Components,
) -> Iterable[Group]:
    """Classes of the same set of places, in the order of the network."""
    labels = components.labels[np.concatenate(atoms)]
    where = np.repeat(np.arange(len(places)), [mine.size for mine in atoms])
    index = np.concatenate([np.arange(mine.size) for mine in atoms])
    free = components.reasons[labels] < 0
    labels, where, index = labels[free], where[free], index[free]
    order = np.lexsort((index, where, labels))
    labels, where, index = labels[order], where[order], index[order]
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    by_signature: dict[bytes, list[int]] = {}
    makes = np.array(produced, bool)
    ends = np.append(starts[1:], labels.size) if starts.size else starts
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        by_signature.setdefault(np.unique(where[start:end]).tobytes(), []).append(number)
    groups: list[Group] = []
    for numbers in by_signature.values():
        classes = [(where[starts[n] : ends[n]], index[starts[n] : ends[n]]) for n in numbers]
        group = _group(places, classes, labels[starts[numbers]], makes)
        if group is not None:
            groups.append(group)
    first = {place[0]: number for number, place in reversed(list(enumerate(places)))}
    return sorted(groups, key=lambda group: first[group.members[0].value])


def _group(
    places: Sequence[tuple[onnx_ir.Value, int]],
    classes: Sequence[tuple[Indices, Indices]],
    labels: Indices,
    makes: NDArray[np.bool_],
) -> Group | None:
    """A group of classes, each given by its places and the indices at them; channels in order of index.

    None where there is no weight among them.
    """
    order = sorted(range(len(classes)), key=lambda n: (int(classes[n][0][0]), int(classes[n][1][0])))
    where = np.concatenate([classes[n][0] for n in order])
    index = np.concatenate([classes[n][1] for n in order])
    channel = np.repeat(np.arange(len(order)), [classes[n][0].size for n in order])
    touched = np.unique(where).tolist()
    members = tuple(
        Member(places[place][0], places[place][1], index[where == place], channel[where == place])
        for place in touched
    )
    floating = [member for member in members if is_floating(member.value)]
    if not floating:
        return None
    producers = (member for member, place in zip(members, touched, strict=True) if makes[place])
    named = next(
        producers, min(floating, key=lambda member: (len(dims(member.value) or ()) < 2, member.axis))
    )
    return Group(named.name, f"{named.name}[{named.axis}]", labels[order], members)

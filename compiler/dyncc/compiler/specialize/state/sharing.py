"""The tensors of a state: their types, and which of them share memory by which views.

Sharing is part of the memo key, as everything is that a later in-place change can tell apart. States that
differ in nothing but their sharing meet all the same: what is shared in one of them and not in the other
is *split*, that is, becomes a parameter of its own. That is right as long as none of the tensors concerned
is changed in place afterwards; the block keeps in mind which memory that is about (``BlockBuilder.split``),
and a change makes the sharing exact again for the variables that it came by (``Facts.demand_sharing``).
An argument of the entry under another name is split from the start.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.facts import Facts, Frozen, Place
from dyncc.compiler.specialize.recording.block import BlockBuilder
from dyncc.compiler.specialize.recording.recorder import Recorder
from dyncc.compiler.specialize.recording.tensor_types import storage_key
from dyncc.compiler.specialize.state.leaves import ConstantLeaf, Instance, Leaf, Path, Slot, hint_of
from dyncc.compiler.specialize.state.sizes import SizeNames
from dyncc.compiler.specialize.values import SESSION, Derivation, DynamicList, SymTensor, is_scalar

PENDING = object()
"""Holds the place of a tensor's token until all tensors are known."""


@dataclass
class _Occurrence:
    tensor: SymTensor
    path: Path
    positions: tuple[int, int, int]
    weight: str = ""
    """The weight that it stands for, as it was before the program ran."""


@dataclass
class TensorCapture:
    """The tensors of one state, in the order in which the traversal meets them.

    ``names`` has their sizes; ``views`` are to be made again when a block begins; ``marks`` tells which
    places must not be changed in place, because of which places (see ``Facts.aliased``).
    """

    recorder: Recorder
    facts: Facts
    point: tuple[Any, ...]
    leaves: list[Leaf]
    slots: dict[Path, Slot]
    occurrences: list[_Occurrence] = field(default_factory=list[_Occurrence])
    bound: list[SymTensor] = field(default_factory=list[SymTensor])
    apart: dict[Path, SymTensor] = field(default_factory=dict[Path, SymTensor])
    """Those that are split."""
    views: list[tuple[SymTensor, Derivation]] = field(default_factory=list[tuple[SymTensor, Derivation]])
    sizes: dict[Path, tuple[Any, ...]] = field(default_factory=dict[Path, tuple[Any, ...]])
    paths: dict[Path, SymTensor] = field(default_factory=dict[Path, SymTensor])
    marks: dict[Path, set[Any]] = field(default_factory=dict[Path, set[Any]])
    groups: dict[int, list[_Occurrence]] = field(default_factory=dict[int, "list[_Occurrence]"])
    """All of them, by storage."""
    numbers: dict[int, int] = field(default_factory=dict[int, int])
    elements: dict[int, frozenset[Any]] = field(default_factory=dict[int, frozenset[Any]])
    """Memory of what becomes an element of a list of run-time length → what was generalized for that."""

    def __post_init__(self) -> None:
        self.names = SizeNames(self.recorder, self.facts, self.point)

    def add(self, tensor: SymTensor, path: Path, positions: tuple[int, int, int], weight: str = "") -> None:
        self.occurrences.append(_Occurrence(tensor, path, positions, weight))

    def add_element(self, value: Any, origins: frozenset[Any]) -> None:
        """``value`` goes into a list of run-time length, so its memory must not be changed from here on.

        Of a list, that is the memory of all that is in it."""
        if isinstance(value, (list, DynamicList)):
            for part in value.tail if isinstance(value, DynamicList) else value:
                self.add_element(part, origins)
        if isinstance(value, torch.Tensor) and not isinstance(value, SymTensor):
            value = self.recorder.cell_of(value)  # None for a weight that no call changes
        if isinstance(value, SymTensor):
            self.elements[storage_key(value.fake)] = origins

    def forget_skeleton(self, start: int) -> None:
        """The tensors from ``start`` on are elements of a list that the skeletons do not go into."""
        for occurrence in self.occurrences[start:]:
            occurrence.positions = (occurrence.positions[0], sys.maxsize, sys.maxsize)

    def finish(self, key: list[Any], skeleton: list[Any], shapeless: list[Any]) -> None:
        """Fill in the tokens of all tensors."""
        groups: dict[int, list[_Occurrence]] = {}
        for occurrence in self.occurrences:
            self.recorder._live(occurrence.tensor, hint_of(occurrence.path))
            groups.setdefault(storage_key(occurrence.tensor.fake), []).append(occurrence)
        inputs = {
            storage_key(tensor.fake): name
            for name, tensor in self.recorder.inputs().items()
            if tensor.node.graph is self.recorder.block.graph
        }
        self.groups = groups
        for storage, group in groups.items():
            self._mark(storage, group, inputs.get(storage))
        for occurrence in self.occurrences:
            tensor, path = occurrence.tensor, occurrence.path
            group = groups[storage_key(tensor.fake)]
            argument = inputs.get(storage_key(tensor.fake))
            if argument is not None and not self.facts.is_exact((self.point, path)):
                argument = None
            token = self._token(occurrence, group, key, argument)
            if argument is not None:
                token = (token, "input", argument)
            kind = ("tensor", str(tensor.fake.dtype), tensor.fake.dim())
            for tokens, at, value in zip(
                (key, skeleton, shapeless),
                occurrence.positions,
                (token, plain_token(tensor.fake), kind),
                strict=True,
            ):
                if at < len(tokens) and tokens[at] is PENDING:
                    tokens[at] = value
        self.names.name()
        self.sizes = {path: self.names.shown(tensor, path) for path, tensor in self.paths.items()}

    def find_size(self, size: Any) -> tuple[SymTensor, int, Any, Path | None] | None:
        """A tensor of the state that has this size: itself, the axis, what it is in the key, and its path
        where it is a parameter under a new wrapper."""
        if isinstance(size, int):
            return None
        expr = size.node.expr
        for number, tensor, where in (
            *((number, tensor, None) for number, tensor in enumerate(self.bound)),
            *((where, tensor, where) for where, tensor in self.apart.items()),
        ):
            for axis, have in enumerate(tensor.fake.shape):
                if not isinstance(have, int) and have.node.expr == expr:
                    return tensor, axis, number, where
        return None

    # --------------------------------------------------------------------------------- sharing

    def _mark(self, storage: int, group: list[_Occurrence], argument: str | None) -> None:
        """Which places of a group must not be changed in place, or the sharing must become exact."""
        block = self.recorder.block
        places = [(self.point, o.path) for o in group]
        exact = [place for place in places if self.facts.is_exact(place)]
        if exact and storage in block.split:
            self.facts.demand_sharing(block.split[storage])
        if storage in block.split or argument is not None:
            if exact and argument is not None and self.point == SESSION:
                raise CompileError([self._kept_argument(argument, exact[0][1])])
            self._note((p for p in places if p not in exact), lambda place: {place})
        frozen = {reason for reason in block.frozen.get(storage, ()) if self._holds(reason, storage)}
        if storage in self.elements:
            frozen.add(Frozen(self.elements[storage]))
        if frozen:
            self._note(places, lambda place: frozen)
        split = {place for place in places if place in self.facts.split}
        if split and (len(group) > 1 or group[0].weight or self._is_of_weight(storage)):
            self._note(places, lambda place: split)

    def _holds(self, reason: Frozen, storage: int) -> bool:
        """Whether memory is still shared unseen: another of those that it was shared with is alive."""
        frozen = self.recorder.block.frozen
        return reason.family is None or any(
            other != storage and any(reason.family == its.family for its in frozen.get(other, ()))
            for other in self.groups
        )

    def _is_of_weight(self, storage: int) -> bool:
        """Whether it is memory of a weight, which the program has without holding the tensor."""
        fakes = self.recorder.block.constant_fakes.values()
        return any(storage_key(fake) == storage for _, fake in fakes)

    def _note(self, places: Any, because: Callable[[Place], set[Any]]) -> None:
        for place in places:
            self.marks.setdefault(place[1], set()).update(because(place))

    def _kept_argument(self, name: str, path: Path) -> Diagnostic:
        """At the line that keeps it, where one alone gives a tensor to an attribute of that name."""
        names = (part.lstrip(".") for part in reversed(path) if isinstance(part, str))
        places = self.recorder.stored.get(next(names, ""), set())
        stored = next(iter(places)) if len(places) == 1 else None
        return Diagnostic(
            "DY112",
            f"the argument `{name}` is kept by the module, and changed in place or asked for by identity",
            stored or self.recorder.block.span,
            label="kept here" if stored else "kept when this call ends",
            helps=(f"keep a copy: `{name}.clone()`",),
        )

    # ---------------------------------------------------------------------------------- tokens

    def _token(
        self, occurrence: _Occurrence, group: list[_Occurrence], key: list[Any], argument: str | None
    ) -> Any:
        tensor, path = occurrence.tensor, occurrence.path
        self.paths[path] = tensor
        place = (self.point, path)
        if place in self.facts.split:
            return self._split(tensor, path, occurrence.weight)
        if (
            self._bound_at(tensor) is not None and id(tensor) not in self.numbers
        ):  # bound as the base of a view
            token: Any = ("bound", self._bound_at(tensor))
            self.numbers[id(tensor)] = len(self.numbers)
        elif id(tensor) in self.numbers:
            token = ("same tensor", self.numbers[id(tensor)])
        else:
            self.numbers[id(tensor)] = len(self.numbers)
            token = self._first(tensor, path, self._together(group), key, argument)
        if path[0] not in ("cell", "input"):
            self.slots[path] = Slot("constant" if token[0] == "constant" else "sharing", token)
        return token

    def _together(self, group: list[_Occurrence]) -> list[SymTensor]:
        """Those of a group whose sharing is followed."""
        return [o.tensor for o in group if (self.point, o.path) not in self.facts.split]

    def _first(
        self, tensor: SymTensor, path: Path, group: list[SymTensor], key: list[Any], argument: str | None
    ) -> Any:
        """The token of a tensor that is met for the first time; ``argument`` names what it is a view of."""
        alone = all(member is tensor for member in group)
        known = tensor.constant is not None and (self.point, path) not in self.facts.unknown
        if known and alone and root_of(tensor) is tensor:
            self.leaves.append(ConstantLeaf(path, tensor))
            real = tensor.constant
            return ("constant", str(real.dtype), tuple(real.shape), real.contiguous().numpy().tobytes())
        root = root_of(tensor)
        whole = all(root_of(member) is root and _replayable(member) for member in group)
        if argument is not None:
            given = self.recorder.inputs()[argument]
            whole = whole and root is given
            alone = alone and tensor is given
        if root is not tensor and whole and (not alone or not isinstance(root, SymTensor)):
            token = ("view", self._root_number(root, path, key), _chain(tensor))
            made = {id(view) for view, _ in self.views}
            self.views.extend(view for view in _views_to(tensor) if id(view[0]) not in made)
            return token
        storage = storage_key(tensor.fake)
        of_weight = self._is_of_weight(storage)
        if (not alone and not whole) or of_weight:
            # Views of run-time size cannot be made again from their base, and those of a view that grows
            # in a loop (``u = u[1:]``) would be another state each time: each goes its own way, which is
            # right as long as none of them is changed in place.
            known = of_weight or storage in self.recorder.block.frozen or storage in self.elements
            family = None if known else (self.point, self.groups[storage][0].path)
            self._note([(self.point, path)], lambda place: {Frozen(family=family)})
        return self._bind(tensor, path)

    def _root_number(self, root: Any, path: Path, key: list[Any]) -> Any:
        if not isinstance(root, SymTensor):
            return ("weight", self.recorder.constant_name(root))
        if id(root) not in self.numbers and self._bound_at(root) is None:
            key.append(self._bind(root, (*path, "%base")))
        bound = self._bound_at(root)
        return ("bound", bound if bound is not None else self.numbers[id(root)])

    def _bound_at(self, tensor: SymTensor) -> int | None:
        return next((i for i, bound in enumerate(self.bound) if bound is tensor), None)

    def _bind(self, tensor: SymTensor, path: Path) -> Any:
        """A tensor that is a parameter of the next block, under the same wrapper."""
        spec = self.names.spec(tensor, path)
        self.bound.append(tensor)
        hint = tensor.hint or hint_of(path)

        def bind(block: BlockBuilder, instance: Instance) -> None:
            _, tensor.fake, tensor.node = block.tensor_param(hint, spec.known())
            tensor.derivation = None
            tensor.constant = None

        self.leaves.append(Leaf(path, lambda: self.recorder.block.tensor_operand(tensor), bind))
        return ("tensor", spec)

    def _split(self, tensor: SymTensor, path: Path, weight: str) -> Any:
        """A tensor that is a parameter of its own, whatever it shares its memory with."""
        self.apart[path] = tensor
        spec = self.names.spec(tensor, path)
        hint = hint_of(path) if weight else tensor.hint or hint_of(path)

        def bind(block: BlockBuilder, instance: Instance) -> None:
            _, fake, node = block.tensor_param(hint, spec.known())
            made = SymTensor.make(fake, node, hint)
            instance.replacements[path] = made
            mark(block, self.facts, self.point, path, made)

        leaf = Leaf(path, lambda: self.recorder.block.tensor_operand(tensor), bind, weight=weight)
        self.leaves.append(leaf)
        return ("tensor", spec)


_LONGEST_CHAIN = 12
"""Views of views are followed so far: the state of a loop that takes ever another one comes to an end."""


def mark(block: BlockBuilder, facts: Facts, point: tuple[Any, ...], path: Path, tensor: SymTensor) -> None:
    """Keep in mind what a change of ``tensor`` in this block would touch unseen."""
    because = facts.aliased.get((point, path), set())
    for reason in because:
        if isinstance(reason, Frozen):
            block.freeze(tensor.fake, reason)
    places = {p for p in because if not isinstance(p, Frozen) and not facts.is_exact(p)}
    if places:
        block.split.setdefault(storage_key(tensor.fake), set()).update(places)


def plain_token(fake: torch.Tensor) -> tuple[Any, ...]:
    """The token of a tensor without its sharing and without names for its sizes."""
    shape = tuple(size if isinstance(size, int) else "?" for size in fake.shape)
    return ("tensor", str(fake.dtype), shape, str(fake.device))


def root_of(tensor: SymTensor) -> Any:
    root: Any = tensor
    while isinstance(root, SymTensor) and root.derivation is not None:
        root = root.derivation.base
    return root


def _views_to(tensor: SymTensor) -> list[tuple[SymTensor, Derivation]]:
    """The chain of views from the base to ``tensor``, as they are derived now."""
    chain: list[tuple[SymTensor, Derivation]] = []
    at: Any = tensor
    while isinstance(at, SymTensor) and at.derivation is not None:
        chain.append((at, at.derivation))
        at = at.derivation.base
    return chain[::-1]


def _replayable(tensor: Any) -> bool:
    """Whether the chain of views from the base has static arguments only, and comes to an end."""
    links = 0
    while isinstance(tensor, SymTensor) and tensor.derivation is not None:
        derivation = tensor.derivation
        links += 1
        for value in _flat((derivation.args, tuple(derivation.kwargs.values()))):
            if is_scalar(value) or (isinstance(value, torch.Tensor) and value is not derivation.base):
                return False
        tensor = derivation.base
    return links <= _LONGEST_CHAIN


def _flat(value: Any) -> Any:
    if isinstance(value, (tuple, list)) and not is_scalar(value):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, slice):
        yield from (value.start, value.stop, value.step)
    else:
        yield value


def _chain(tensor: Any) -> tuple[Any, ...]:
    """The chain of views as a token."""
    parts: list[Any] = []
    while isinstance(tensor, SymTensor) and tensor.derivation is not None:
        d: Derivation = tensor.derivation
        args = tuple("%base" if v is d.base else repr(v) for v in _flat((d.args, tuple(d.kwargs.items()))))
        parts.append(
            (
                getattr(d.func, "__name__", repr(d.func)),
                repr(getattr(d.func, "__self__", None)),
                args,
                d.path,
            )
        )
        tensor = d.base
    return tuple(parts)

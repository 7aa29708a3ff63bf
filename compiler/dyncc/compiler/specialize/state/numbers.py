"""What the key and the leaves of a state say of its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize.recording.block import BlockBuilder
from dyncc.compiler.specialize.state.leaves import DimLeaf, Instance, Leaf, Path, Slot, hint_of, is_member
from dyncc.compiler.specialize.values import Scalar, kind_of
from dyncc.runtime.program import Const, Operand

if TYPE_CHECKING:
    from dyncc.compiler.specialize.state.capture import Capture

_PENDING_SIZE = object()
_STATIC_NAMES = ("_dyncc_position",)


class NumberCapture:
    """Numbers that are known, those that are not, and sizes of tensors."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.scalars: dict[int, int] = {}
        self.pending_dims: list[tuple[Scalar, Path, tuple[int, int, int]]] = []

    def visit_static(self, value: Any, path: Path) -> None:
        place = (self.capture.point, path)
        kind = kind_of(value)
        assert kind is not None
        if place in self.capture.facts.widen and not self.capture.facts.keeps(place):
            self.capture.emit(("scalar", kind))
            self._number_leaf(path, kind, Const(value), frozenset((place,)))
            return
        exact = ("number", kind, repr(value))
        if self.capture.facts.keeps(place) or is_member(path) or (path and path[-1] in _STATIC_NAMES):
            self.capture.emit(exact)
            return
        self.capture.emit(exact, ("number", kind))
        self.capture.slots[path] = Slot("number", value)

    def _number_leaf(self, path: Path, kind: str, operand: Operand, origins: frozenset[Any]) -> None:
        def bind(block: BlockBuilder, instance: Instance) -> None:
            expr = block.scalar_param(hint_of(path), kind)
            instance.replacements[path] = Scalar(kind, expr, origins, hint_of(path))

        self.capture.leaves.append(Leaf(path, lambda: operand, bind))

    def visit_dynamic(self, scalar: Scalar, path: Path) -> None:
        place = (self.capture.point, path)
        number = self.scalars.get(id(scalar))
        if place in self.capture.facts.widen:
            # a slot that holds a static number on other ways here: a parameter of its own
            self.capture.emit(("scalar", scalar.kind))
            self._number_leaf(path, scalar.kind, scalar.operand, scalar.origins | {place})
            return
        if scalar.expr.op == "dim":
            self.pending_dims.append((scalar, path, self.capture.position()))
            self.capture.emit(_PENDING_SIZE)
            return
        if number is not None:
            self.capture.emit(("same scalar", number), ("number", scalar.kind))
            self.capture.slots[path] = Slot("number", scalar)
            return
        self.scalars[id(scalar)] = len(self.scalars)
        self.capture.emit(("scalar", scalar.kind), ("number", scalar.kind))
        self.capture.slots[path] = Slot("number", scalar)
        operand = scalar.operand
        origins = scalar.origins
        hint = scalar.hint or hint_of(path)

        def bind(block: BlockBuilder, instance: Instance) -> None:
            scalar.expr = block.scalar_param(hint, scalar.kind)
            scalar.origins = origins

        self.capture.leaves.append(Leaf(path, lambda: operand, bind))

    def finish(self) -> None:
        """Numbers that are sizes of tensors stay sizes where a live tensor has that size."""
        done: dict[int, Any] = {}
        for scalar, path, positions in self.pending_dims:
            if id(scalar) in done:
                self._set_all(positions, ("same size", done[id(scalar)]), ("size",))
                continue
            done[id(scalar)] = len(done)
            tensor, axis = scalar.expr.payload
            where = self.capture.tensors.find_size(tensor.fake.shape[axis])
            if where is None:
                number = self.scalars.setdefault(id(scalar), len(self.scalars))
                token: Any = ("scalar", scalar.kind, number)
                operand, hint = scalar.operand, hint_of(path)

                def bind(
                    block: BlockBuilder, instance: Instance, scalar: Scalar = scalar, hint: str = hint
                ) -> None:
                    scalar.expr = block.scalar_param(hint, "int")

                self.capture.leaves.append(Leaf(path, lambda operand=operand: operand, bind))
            else:
                live, live_axis, index, split = where
                token = (
                    "size",
                    self.capture.tensors.names.symbols.get(
                        tensor.fake.shape[axis].node.expr, (index, live_axis)
                    ),
                )
                self.capture.leaves.append(DimLeaf(path, scalar, live, live_axis, split))
            self._set_all(positions, token, ("size",))

    def _set_all(self, positions: tuple[int, int, int], token: Any, skeleton: Any) -> None:
        capture = self.capture
        for tokens, index in zip(
            (capture.key, capture.skeleton, capture.shapeless), positions, strict=True
        ):
            if index < len(tokens) and tokens[index] is _PENDING_SIZE:
                tokens[index] = token if tokens is capture.key else skeleton

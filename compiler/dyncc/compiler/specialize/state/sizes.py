"""The sizes in the types of a state's tensors, and the names that they get.

A size that is known only when the network runs is a symbol of the block that begins (``s0``), or follows
from others that have names: one more than another, a product of two. States of a point that differ in such
a relation give it up for that size (``Facts.unrelated``), or the state of what grows beside what it began
as would be another one in each turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sympy
import torch

from dyncc.compiler.specialize.facts import Facts
from dyncc.compiler.specialize.recording import size_ranges
from dyncc.compiler.specialize.recording.recorder import Recorder
from dyncc.compiler.specialize.recording.size_ranges import Range
from dyncc.compiler.specialize.recording.tensor_types import TensorSpec, contiguous_strides
from dyncc.compiler.specialize.state.leaves import Path
from dyncc.compiler.specialize.values import SESSION, SymTensor

Ranges = dict[str, tuple[Range, Any]]
"""What named sizes can be, and where that is told."""

_LEAST = 3
_FURTHER = 160
"""Sizes to think with are less than this apart (``Recorder.hint_of``), so they stay distinct."""
_ARGUMENTS = 20
"""Places among the hints of sizes that are left to those of arguments."""


@dataclass(frozen=True)
class _Unknown:
    """A size of a parameter that is not known, and its place in the state."""

    size: Any
    place: Any


@dataclass(eq=False)
class LateSpec:
    """The type of a parameter, part of the key of its state. The names of sizes are given when all are
    met: one may be a product of others that come later."""

    dtype: torch.dtype
    sizes: list[Any]
    stride: tuple[int, ...] | None
    device: torch.device

    def known(self) -> TensorSpec:
        return TensorSpec(self.dtype, tuple(self.sizes), self.stride, self.device)

    def _token(self) -> tuple[Any, ...]:
        return str(self.dtype), tuple(self.sizes), self.stride, str(self.device)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LateSpec) and self._token() == other._token()

    def __hash__(self) -> int:
        return hash(self._token())


@dataclass
class SizeNames:
    """The sizes of one state, in the order in which the traversal meets them.

    ``symbols`` names those that are not known, by their expressions (``s0``, ``s0 + 1``).
    """

    recorder: Recorder
    facts: Facts
    point: tuple[Any, ...]
    symbols: dict[Any, str] = field(default_factory=dict[Any, str])
    hints: dict[str, int] = field(default_factory=dict[str, int])
    """Of each symbol the size to think with."""
    origins: set[Any] = field(default_factory=set[Any])
    places: set[Any] = field(default_factory=set[Any])
    """The places of sizes that are not known."""
    ranges: Ranges = field(default_factory=dict[str, "tuple[Range, Any]"])
    specs: dict[Path, LateSpec] = field(default_factory=dict[Path, "LateSpec"])
    """The types of those that are parameters of the next block."""

    def shown(self, tensor: SymTensor, path: Path) -> tuple[Any, ...]:
        """The shape of a tensor of the state, with the names of its sizes where it is a parameter."""
        spec = self.specs.get(path)
        shape: Any = tensor.fake.shape if spec is None else spec.sizes
        return tuple(size if isinstance(size, int) else str(size) for size in shape)

    def spec(self, tensor: SymTensor, path: Path) -> LateSpec:
        """The type of a tensor that is a parameter; its sizes have names after :meth:`name`."""
        fake = tensor.fake
        sizes: list[Any] = []
        for axis, size in enumerate(fake.shape):
            place = size_place(self.point, path, axis, len(fake.shape))
            if isinstance(size, int) and (place not in self.facts.symbols or self.facts.keeps(place)):
                sizes.append(size)
                continue
            if place in self.facts.symbols:
                self.origins.add(place)
            self.places.add(place)
            sizes.append(_Unknown(size, place))
        stride = None
        expected = contiguous_strides(fake.shape)
        if fake.layout is torch.strided and not _same_strides(fake.stride(), expected, fake.shape):
            stride = _stride_order(fake)
        spec = LateSpec(fake.dtype, sizes, stride, fake.device)
        self.specs[path] = spec
        return spec

    def name(self) -> None:
        """Give the sizes of all parameters their names: first those that are unknown by themselves."""
        for whole in (True, False):
            for spec in self.specs.values():
                for axis, size in enumerate(spec.sizes):
                    if isinstance(size, _Unknown) and (whole <= self._is_whole(size)):
                        spec.sizes[axis] = self._symbol(size.size, size.place)

    def _is_whole(self, unknown: _Unknown) -> bool:
        size = self._expression(unknown.size)
        return isinstance(size, int) or size.is_Symbol

    def _expression(self, given: Any) -> Any:
        """A size as a number, or an expression over the symbols of the block."""
        known = self.recorder.block.equal_sizes
        return given if isinstance(given, int) else given.node.expr.subs(known)

    def _symbol(self, given: Any, place: Any) -> str:
        size = self._expression(given)
        found = self.symbols.get(size)
        if found is None and not isinstance(size, int) and place not in self.facts.unrelated:
            found = self._related(size) or self._composed(size)
        if found is None:
            # The sizes of the state meet those of the arguments of a later call, which are others.
            letter, first = ("c", _ARGUMENTS) if self.point == SESSION else ("s", 0)
            found = f"{letter}{len(self.symbols)}"
            self.symbols[size] = found
            self.hints[found] = self.recorder.hint_of(first + len(self.symbols) - 1)
            self._tell_range(found, given, place)
        return found

    def _tell_range(self, name: str, size: Any, place: Any) -> None:
        block = self.recorder.block
        known = size_ranges.range_of(block, size)
        told = self.facts.range_told(place, known)
        if told is None:
            return
        self.facts.mentioned |= size_ranges.mentioned(size)
        if known == Range() and not isinstance(size, int):
            self.facts.demand_ranges(block.size_places)  # it may be known of what the size comes from
        self.ranges[name] = told, place

    def _related(self, size: Any) -> str | None:
        """``size`` as a known symbol plus or minus a number."""
        for other, name in self.symbols.items():
            if isinstance(other, int) or not name.isidentifier():
                continue
            difference = sympy.expand(size - other)
            if difference.is_Integer:
                number = int(difference)
                if name in self.ranges and self.hints[name] + number < _LEAST:
                    continue
                text = f"{name} + {number}" if number > 0 else f"{name} - {-number}"
                self.symbols[size] = text
                while self.hints[name] + number < _LEAST:  # no size to think with is negative
                    self.hints[name] += _FURTHER
                return text
        return None

    def _composed(self, size: Any) -> str | None:
        """``size`` as a polynomial of sizes that have names: the tokens of a batch, say, or what was
        concatenated."""
        names = {symbol: self.symbols.get(symbol, "") for symbol in size.free_symbols}
        polynomial = sympy.expand(size)
        if not all(names.values()) or not _is_sum_of_products(polynomial):
            return None
        named = {symbol: sympy.Symbol(name, integer=True) for symbol, name in names.items()}
        polynomial = polynomial.subs(named, simultaneous=True)
        if polynomial.subs({one: self.hints[str(one)] for one in named.values()}) < _LEAST:
            return None  # no size to think with is negative
        self.symbols[size] = text = str(polynomial)
        return text


def size_place(point: tuple[Any, ...], path: Path, axis: int, rank: int) -> Any:
    """The place of a size: one that varies says nothing of tensors of another rank."""
    return (point, (*path, ("size", axis, rank)))


def _is_sum_of_products(size: sympy.Expr) -> bool:
    return all(
        term.as_coeff_Mul()[0].is_Integer
        and all(base.is_Symbol for base in term.as_coeff_Mul()[1].as_powers_dict())
        for term in sympy.Add.make_args(size)
        if not term.is_Integer
    )


def _same_strides(have: Any, want: Any, shape: Any) -> bool:
    for h, w, size in zip(have, want, shape, strict=True):
        if isinstance(size, int) and size == 1:
            continue
        left = h if isinstance(h, int) else str(h)
        right = w if isinstance(w, int) else str(w)
        if left != right:
            return False
    return True


def _stride_order(fake: torch.Tensor) -> tuple[int, ...]:
    """The axes from the outermost to the innermost in memory."""

    def hint(stride: Any) -> int:
        return stride if isinstance(stride, int) else int(stride.node.hint or 1)

    strides = [hint(s) for s in fake.stride()]
    return tuple(sorted(range(len(strides)), key=lambda axis: (-strides[axis], axis)))

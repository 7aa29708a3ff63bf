"""Ranges of sizes: what is known of the smallest and the largest that a size can be.

``mask[:t, :t]`` has ``min(8, t)`` rows where the mask has eight: as many as a sequence of ``t`` has, if
that is no longer than the mask. It is known of an argument whose range is declared, on the side of a
decision (``x if x.size(1) <= 8 else x[:, -8:]``), and of whatever is computed from those. States tell it
where a call turned out to depend on it (``Facts.ranged``), in numbers that the program mentions; where
two states differ in that alone, the hull of both is told, until nothing is known (*widening with
thresholds*: Blanchet et al., PLDI 2003, section 7.1.2).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch.utils._sympy.functions import Max, Min
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.value_ranges import ValueRangeError, ValueRanges, bound_sympy

from dyncc.compiler.specialize.values import Expr

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.block import BlockBuilder

SMALLEST = 3
"""Limits below are not kept: there are too few sizes to tell them from numbers."""
LARGEST = 1 << 40
_BOUNDED = (sympy.Min, sympy.Max, Min, Max)
_LEAST = (sympy.Min, Min)
_ORDERED = (sympy.Lt, sympy.Le, sympy.Gt, sympy.Ge)
_NEGATED = {"le": "gt", "lt": "ge", "ge": "lt", "gt": "le", "eq": "ne", "ne": "eq"}


@dataclass(frozen=True)
class Range:
    """The sizes from ``least`` to ``most``, which is None where there is no limit."""

    least: int = 0
    most: int | None = None

    def hull(self, other: Range) -> Range:
        most = None if self.most is None or other.most is None else max(self.most, other.most)
        return Range(min(self.least, other.least), most)

    def rounded(self, numbers: Collection[int]) -> Range:
        """The smallest range around it whose ends are among ``numbers``."""
        least = max((n for n in numbers if n <= self.least), default=0)
        above = (n for n in numbers if self.most is not None and n >= self.most)
        return Range(least, min(above, default=None))

    def nearest(self, size: int, beside: int = 1) -> int:
        """A size in the range: ``size`` if it is one, or else ``beside`` the end that it lies beyond."""
        size = size if size >= self.least else self.least + size
        return size if self.most is None or size <= self.most else max(self.most - beside, self.least, 2)

    @property
    def values(self) -> ValueRanges[Any]:
        return ValueRanges(self.least, int_oo if self.most is None else self.most)


def range_of(block: BlockBuilder, size: Any) -> Range:
    """What a size of the block can be, on the side of a decision that is being gone to."""
    if isinstance(size, int):
        return Range(size, size) if size >= SMALLEST else Range()
    found = _range_of(size.node.expr, block, block.side_ranges)
    limited = found.most is not None and SMALLEST <= found.most < LARGEST
    return Range(min(found.least, LARGEST), found.most if limited else None)


def _range_of(expr: sympy.Expr, block: BlockBuilder, side: dict[Any, ValueRanges[Any]]) -> Range:
    ranges = dict(block.shape_env.var_to_range)
    for symbol, known in side.items():
        try:
            ranges[symbol] = ranges[symbol] & known if symbol in ranges else known
        except ValueRangeError:  # the side is one that is never gone to
            return Range()
    bounds = bound_sympy(expr, ranges)
    least = int(bounds.lower) if bounds.lower.is_Integer else 0
    return Range(max(least, 0), int(bounds.upper) if bounds.upper.is_Integer else None)


def may_be_zero(block: BlockBuilder, difference: sympy.Expr) -> bool:
    """Whether two sizes of this difference may be equal, by what the block knows of each."""
    return not block.ranges or 0 in bound_sympy(difference, block.shape_env.var_to_range)


def allowed(block: BlockBuilder, sizes: dict[Any, int]) -> bool:
    """Whether each size is one that the block knows to be possible."""
    ranges = block.shape_env.var_to_range if block.ranges else {}
    return all(symbol not in ranges or size in ranges[symbol] for symbol, size in sizes.items())


def matter(sizes: Iterable[Any]) -> bool:
    """Whether sizes, or conditions on them, say what is the least or the largest of some."""
    return any(
        isinstance(size, sympy.Basic) and (size.atoms(*_BOUNDED) or isinstance(size, _ORDERED))
        for size in sizes
    )


def mentioned(size: Any) -> set[int]:
    """The numbers that the size is the least or the largest of."""
    if isinstance(size, int):
        return set()
    return {
        int(arg) for bounded in size.node.expr.atoms(*_BOUNDED) for arg in bounded.args if arg.is_Integer
    }


def on_side(block: BlockBuilder, pred: Any, answer: bool) -> dict[Any, ValueRanges[Any]]:
    """What unknown sizes, as symbols, can be where ``pred`` is ``answer``."""
    found: dict[Any, ValueRanges[Any]] = {}
    for symbol, range_ in _on_side(block, pred, answer):
        block.recorder.facts.mentioned |= {range_.least} if range_.most is None else {range_.most}
        try:
            found[symbol] = found[symbol] & range_.values if symbol in found else range_.values
        except ValueRangeError:
            continue
    return found


def _on_side(block: BlockBuilder, pred: Any, answer: bool) -> Iterator[tuple[Any, Range]]:
    for op, one, other in comparisons(pred, answer):
        if op == "eq" and (one.is_Integer or other.is_Integer):
            continue  # what follows would be compiled for that size alone
        if op == "ne" and isinstance(other, _LEAST) and one in other.args:
            # a size that is not the least of itself and others is larger than those
            op, other = "gt", other.func(*(arg for arg in other.args if arg != one))
        if op in ("le", "lt", "eq"):
            yield from _ordered(block, one, other, int(op == "lt"))
        if op in ("ge", "gt", "eq"):
            yield from _ordered(block, other, one, int(op == "gt"))


def _ordered(
    block: BlockBuilder, small: sympy.Expr, large: sympy.Expr, apart: int
) -> Iterator[tuple[Any, Range]]:
    """What it says of symbols that ``small + apart`` is at most ``large``."""
    for expr, sign, bound in (
        (small, 1, _range_of(large, block, {}).most),
        (large, -1, _range_of(small, block, {}).least),
    ):
        symbols = expr.free_symbols
        if bound is None or len(symbols) != 1:
            continue
        (symbol,) = symbols
        whole = sympy.expand(expr)
        factor = whole.coeff(symbol)
        rest = sympy.expand(whole - factor * symbol)
        if not (factor.is_Integer and factor > 0 and rest.is_Integer):
            continue
        end = int(
            (bound - sign * apart - rest) // factor if sign > 0 else -((rest - bound - apart) // factor)
        )
        if sign > 0:
            yield symbol, Range(0, max(end, 0))
        elif end > 0:
            yield symbol, Range(end)


def comparisons(pred: Any, answer: bool) -> Iterator[tuple[str, sympy.Expr, sympy.Expr]]:
    """The comparisons of sizes that hold where ``pred`` is ``answer``."""
    if not isinstance(pred, Expr):
        return
    if pred.op == "not_":
        yield from comparisons(pred.operands[0], not answer)
    elif pred.op == ("and_" if answer else "or_"):
        for operand in pred.operands:
            yield from comparisons(operand, answer)
    elif pred.op in _NEGATED:
        one, other = map(_symbolic, pred.operands)
        if one is not None and other is not None:
            yield pred.op if answer else _NEGATED[pred.op], one, other


def _symbolic(expr: Any) -> sympy.Expr | None:
    """A number as an expression over sizes of the block; None where it is no such sum or product."""
    if type(expr) is int:
        return sympy.Integer(expr)
    if not isinstance(expr, Expr):
        return None
    if expr.op == "dim":
        tensor, axis = expr.payload
        size = tensor.fake.shape[axis]
        return size.node.expr if isinstance(size, torch.SymInt) else sympy.Integer(size)
    if expr.op not in ("add", "sub", "mul"):
        return None
    one, other = map(_symbolic, expr.operands)
    if one is None or other is None:
        return None
    return one + other if expr.op == "add" else one - other if expr.op == "sub" else one * other


def is_of_sizes(expr: Any) -> bool:
    """Whether a number is computed from sizes of tensors alone."""
    if not isinstance(expr, Expr) or expr.op == "dim":
        return True
    return bool(expr.operands) and all(map(is_of_sizes, expr.operands))

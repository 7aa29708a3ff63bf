"""Symbolic sizes: ``s0 + 1``, ``Mod(s0, 2)``, ``s0 >= 2``, evaluated without running any code.

The text is Python's expression grammar in the wording of sympy and torch. It comes from a bundle, so it is
parsed and only what is listed here is executed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from dyncc.runtime.records import frozen

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.not_,  # sympy writes ~ for a condition's opposite
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Max": max,
    "Min": min,
    "max": max,
    "min": min,
    "abs": abs,
    "Abs": abs,
    "Mod": operator.mod,
    "PythonMod": operator.mod,
    "FloorDiv": operator.floordiv,
    "CleanDiv": operator.floordiv,
    "CeilDiv": lambda a, b: -(-a // b),
    "Eq": operator.eq,
    "Ne": operator.ne,
    "Lt": operator.lt,
    "Le": operator.le,
    "Gt": operator.gt,
    "Ge": operator.ge,
    "And": lambda *items: all(items),
    "Or": lambda *items: any(items),
    "Not": operator.not_,
}
LARGEST_POWER = 16


@frozen
class SizeExpression:
    """A checked expression over size symbols."""

    text: str
    symbols: frozenset[str]
    tree: ast.expr

    def evaluate(self, sizes: Mapping[str, int]) -> Any:
        """Its value; ``sizes`` has all of its symbols."""
        return _evaluate(self.tree, sizes)

    def solve(self, value: int) -> int | None:
        """The size of the only symbol that gives a linear expression ``value``; None if there is none."""
        if len(self.symbols) != 1:
            return None
        (symbol,) = self.symbols
        try:
            start = self.evaluate({symbol: 0})
            slope = self.evaluate({symbol: 1}) - start
            guess = (value - start) // slope
            return int(guess) if self.evaluate({symbol: int(guess)}) == value and guess >= 0 else None
        except (ArithmeticError, TypeError):
            return None


@cache
def parse_size(text: str) -> SizeExpression:
    """The expression that ``text`` spells. Raises ValueError where it is anything else than a size."""
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text!r} is no expression of sizes") from error
    symbols: set[str] = set()
    _check(tree, text, symbols)
    return SizeExpression(text, frozenset(symbols), tree)


def _check(tree: ast.expr, text: str, symbols: set[str]) -> None:
    """Raise ValueError unless ``tree`` consists of what :func:`_evaluate` knows."""
    parts: list[ast.expr]
    match tree:
        case ast.Constant(value=value) if type(value) in (int, float, bool):
            parts = []
        case ast.Name(id=name):
            symbols.add(name)
            parts = []
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))) if (
            0 <= power <= LARGEST_POWER
        ):
            parts = [left]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            parts = [left, right]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            parts = [operand]
        case ast.Compare(left=left, ops=ops, comparators=rest) if all(type(op) in _COMPARE for op in ops):
            parts = [left, *rest]
        case ast.BoolOp(values=parts):
            pass
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in _FUNCTIONS:
            pass
        case _:
            raise ValueError(f"{text!r} is no expression of sizes")
    for part in parts:
        _check(part, text, symbols)


def _evaluate(tree: ast.expr, sizes: Mapping[str, int]) -> Any:
    match tree:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return sizes[name]
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=power)):
            return _evaluate(left, sizes) ** power  # type: ignore[operator]  # checked to be a small int
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_evaluate(left, sizes), _evaluate(right, sizes))
        case ast.UnaryOp(op=op, operand=operand):
            return _UNARY[type(op)](_evaluate(operand, sizes))
        case ast.Compare(left=left, ops=ops, comparators=rest):
            values = [_evaluate(part, sizes) for part in (left, *rest)]
            pairs = zip(ops, values, values[1:], strict=False)
            return all(_COMPARE[type(op)](one, other) for op, one, other in pairs)
        case ast.BoolOp(op=op, values=parts):
            quantifier = all if isinstance(op, ast.And) else any
            return quantifier(_evaluate(part, sizes) for part in parts)
        case ast.Call(func=ast.Name(id=name), args=args):
            return _FUNCTIONS[name](*(_evaluate(arg, sizes) for arg in args))
        case _:
            raise AssertionError(f"unchecked expression {ast.dump(tree)}")

"""Symbolic sizes: the text of a dim, its symbols, and substitution.

A dim that is a str is an arithmetic expression over symbols (``s0``, ``s0 + 1``, ``2*s0``). Symbols are
local to a block (and to the graphs that it uses).
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dyncc.runtime.program import Dim, ListType, ScalarType, TensorType, Type

_SYMBOL = re.compile(r"[^\W\d]\w*(?!\w*\s*\()")
_SHIFTED = re.compile(r"([^\W\d]\w*)(?: ([+-]) (\d+))?")
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Max": max,
    "Min": min,
    "Mod": operator.mod,
    "PythonMod": operator.mod,
    "FloorDiv": operator.floordiv,
    "CleanDiv": operator.floordiv,
}
"""Functions in the text of a size, as SymPy and torch write them."""


def symbols_of(type_: Type) -> Iterator[str]:
    """The symbols in a type, in order of their occurrence, with repetitions."""
    match type_:
        case TensorType(shape=shape):
            for dim in shape:
                if isinstance(dim, str):
                    yield from symbols_in(dim)
        case ListType(element=element):
            yield from symbols_of(element)
        case ScalarType():
            return


def symbols_in(dim: str) -> list[str]:
    """The symbols in a dim, in order of their occurrence, with repetitions."""
    return _SYMBOL.findall(dim)


def substitute(type_: Type, symbols: Mapping[str, Dim]) -> Type:
    """The type with its symbols replaced; an expression over numbers alone becomes a number."""
    match type_:
        case TensorType(dtype, shape):
            return TensorType(dtype, tuple(substitute_dim(dim, symbols) for dim in shape))
        case ListType(element):
            return ListType(substitute(element, symbols))
        case ScalarType():
            return type_


def substitute_dim(dim: Dim, symbols: Mapping[str, Dim]) -> Dim:
    """As :func:`substitute`, of one dim."""
    if isinstance(dim, int):
        return dim
    if dim in symbols:
        return symbols[dim]

    def replacement(match: re.Match[str]) -> str:
        new = symbols.get(match[0])
        if new is None:
            return match[0]
        text = str(new)
        return text if text.isidentifier() or text.isdecimal() else f"({text})"

    text = _SYMBOL.sub(replacement, dim)
    return text if text == dim else _simplified(text)


def unify(parameter: Type, argument: Type, symbols: dict[str, Dim]) -> None:
    """Add to ``symbols`` what the symbols of ``parameter`` stand for when it takes ``argument``.

    Only a dim that is a symbol, or a symbol and a number (``s0 - 1``), tells; the first that does wins.
    """
    match parameter, argument:
        case TensorType(shape=mine), TensorType(shape=theirs):
            for dim, value in zip(mine, theirs, strict=False):
                if isinstance(dim, str) and (found := _SHIFTED.fullmatch(dim)):
                    shift = int(f"{found[2] or '+'}{found[3] or 0}")
                    symbols.setdefault(found[1], _shifted(value, -shift))
        case ListType(element=mine), ListType(element=theirs):
            unify(mine, theirs, symbols)
        case _:
            return


def _shifted(dim: Dim, by: int) -> Dim:
    if isinstance(dim, int):
        return dim + by
    return _simplified(f"{dim} + ({by})") if by else dim


def _simplified(text: str) -> Dim:
    """``text`` as a number, or a sum of multiples of symbols and a number, where it is one."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return text
    try:
        return _evaluate(node)
    except (ValueError, ZeroDivisionError):
        pass
    try:
        return _sum_text(_as_sum(node))
    except ValueError:
        return text


def _as_sum(node: ast.expr) -> dict[str, int]:
    """The factors of the symbols in a sum, and the number in it under the empty name."""
    match node:
        case ast.Constant(value=int(value)):
            return {"": value}
        case ast.Name(id=name):
            return {name: 1}
        case ast.UnaryOp(ast.USub(), operand):
            return {name: -factor for name, factor in _as_sum(operand).items()}
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right):
            result = _as_sum(left)
            for name, factor in _as_sum(right).items():
                result[name] = _OPERATORS[type(op)](result.get(name, 0), factor)
            return result
        case ast.BinOp(left, ast.Mult(), right):
            one, other = _as_sum(left), _as_sum(right)
            if one.keys() == {""}:
                one, other = other, one
            if other.keys() != {""}:
                raise ValueError("not a sum")
            return {name: factor * other[""] for name, factor in one.items()}
        case _:
            raise ValueError("not a sum")


def _sum_text(factors: Mapping[str, int]) -> Dim:
    number = factors.get("", 0)
    text = ""
    for name, factor in factors.items():
        if name and factor:
            term = name if abs(factor) == 1 else f"{abs(factor)}*{name}"
            text += (
                f" {'-' if factor < 0 else '+'} {term}" if text else f"{'-' if factor < 0 else ''}{term}"
            )
    if not text:
        return number
    return f"{text} {'-' if number < 0 else '+'} {abs(number)}" if number else text


def _evaluate(node: ast.expr) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_evaluate(left), _evaluate(right))
        case ast.UnaryOp(op, operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_evaluate(operand))
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*map(_evaluate, arguments))
        case _:
            raise ValueError("not a number")

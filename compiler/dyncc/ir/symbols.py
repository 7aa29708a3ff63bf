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
                    yield from _SYMBOL.findall(dim)
        case ListType(element=element):
            yield from symbols_of(element)
        case ScalarType():
            return


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

    Only a dim that is a symbol by itself tells; the first that does wins.
    """
    match parameter, argument:
        case TensorType(shape=mine), TensorType(shape=theirs):
            for dim, value in zip(mine, theirs, strict=False):
                if isinstance(dim, str) and dim.isidentifier():
                    symbols.setdefault(dim, value)
        case ListType(element=mine), ListType(element=theirs):
            unify(mine, theirs, symbols)
        case _:
            return


def _simplified(text: str) -> Dim:
    try:
        return _evaluate(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        return text


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

"""Sizes: example sizes for the symbols of a graph, and the proof that an export kept them free."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import fx

from dyncc.compiler.graph import placeholders
from dyncc.compiler.lower.types import input_type
from dyncc.ir.symbols import symbols_of
from dyncc.runtime.program import Dim, TensorType

SMALL = (5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)
LARGE = (96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448)
EQUAL = (13,)
"""For graphs after a decision that sizes are equal: different ones lead where the program is not."""

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
    "Max": torch.sym_max,
    "Min": torch.sym_min,
    "Mod": operator.mod,
    "PythonMod": operator.mod,
    "FloorDiv": operator.floordiv,
    "CleanDiv": operator.floordiv,
}


class UnknownSizeError(ValueError):
    """A size is an expression over symbols without a value, or of a form that is not known."""


def evaluate(dim: Dim, symbols: Mapping[str, Any]) -> Any:
    """The value of a dim, given those of its symbols (ints or ``SymInt``)."""
    if isinstance(dim, int):
        return dim
    try:
        return _evaluate(ast.parse(dim, mode="eval").body, symbols)
    except (SyntaxError, KeyError) as error:
        raise UnknownSizeError(dim) from error


def _evaluate(node: ast.expr, symbols: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return symbols[name]
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_evaluate(left, symbols), _evaluate(right, symbols))
        case ast.UnaryOp(op, operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_evaluate(operand, symbols))
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_evaluate(argument, symbols) for argument in arguments))
        case _:
            raise UnknownSizeError(ast.unparse(node))


def choose(
    types: Iterable[TensorType],
    hints: Mapping[str, int],
    candidates: Sequence[int],
    ranges: Mapping[str, Any],
) -> dict[str, int]:
    """A size for each symbol: the hint where there is one of at least 2, else a number not yet taken.

    ``ranges`` tells what some can be.
    """
    sizes = _chosen(types, hints, candidates)
    if candidates is EQUAL and ranges:
        size = next(iter(sizes.values()), 0)
        for range_ in ranges.values():
            size = range_.nearest(size)
        return dict.fromkeys(sizes, size)
    found = {name: ranges[name].nearest(sizes[name], beside) for beside, name in enumerate(ranges, 1)}
    return sizes | found


def _chosen(
    types: Iterable[TensorType], hints: Mapping[str, int], candidates: Sequence[int]
) -> dict[str, int]:
    sizes: dict[str, int] = {}
    names = list(dict.fromkeys(symbol for type_ in types for symbol in symbols_of(type_)))
    if candidates is EQUAL:
        size = next((hints[name] for name in names if hints.get(name, 0) >= 2), EQUAL[0])
        return {name: hints[name] if hints.get(name, 0) >= 2 else size for name in names}
    taken = set(hints.values())
    free = iter([*(size for size in candidates if size not in taken), *range(500, 500 + len(names))])
    for name in names:
        hint = hints.get(name, 0)
        sizes[name] = hint if hint >= 2 else next(free)
    return sizes


def example(node: fx.Node, sizes: Mapping[str, int]) -> torch.Tensor:
    """A tensor of a placeholder's type and layout.

    ``stride`` in the metadata of a node is the order of its dims from outermost to innermost, or else its
    strides.
    """
    type_ = input_type(node)
    shape = [int(_size(dim, sizes)) for dim in type_.shape]
    dtype = getattr(torch, type_.dtype)
    stride = node.meta.get("stride")
    if stride is None:
        return torch.zeros(shape, dtype=dtype)
    if sorted(map(str, stride)) == sorted(map(str, range(len(shape)))):
        order = [int(axis) for axis in stride]
        stored = torch.zeros([shape[axis] for axis in order], dtype=dtype)
        return stored.permute([order.index(axis) for axis in range(len(shape))])
    return torch.empty_strided(shape, [int(_size(step, sizes)) for step in stride], dtype=dtype).zero_()


def _size(dim: Dim, sizes: Mapping[str, int]) -> int:
    try:
        return evaluate(dim, sizes)
    except UnknownSizeError:
        return SMALL[0]


def ranges_of(graph: fx.Graph) -> dict[str, Any]:
    """What the sizes of a graph's inputs can be, where that is known, by symbol."""
    found: dict[str, Any] = {}
    for node in placeholders(graph):
        for dim, range_ in zip(input_type(node).shape, node.meta.get("ranges", ()), strict=False):
            if range_ is not None and isinstance(dim, str) and dim.isidentifier():
                found[dim] = range_
    return found


def equalities(
    types: Sequence[TensorType], tensors: Sequence[torch.Tensor]
) -> Iterator[tuple[str, Any, Any]]:
    """What the types say about sizes beyond one another: (dim, size, the value it must equal)."""
    symbols: dict[str, Any] = {}
    compound: list[tuple[str, Any]] = []
    for type_, tensor in zip(types, tensors, strict=True):
        for dim, size in zip(type_.shape, tensor.shape, strict=True):
            if isinstance(dim, int):
                continue
            if not dim.isidentifier():
                compound.append((dim, size))
            elif dim in symbols:
                yield dim, size, symbols[dim]
            else:
                symbols[dim] = size
    for dim, size in compound:
        try:
            yield dim, size, evaluate(dim, symbols)
        except UnknownSizeError:
            continue

"""Further calls to check with, made from the examples: other numbers, other sizes, longer sessions."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from dyncc.compiler.calling import evaluate_size
from dyncc.compiler.check.report import Example
from dyncc.runtime.program import (
    Compute,
    Const,
    HostOp,
    Input,
    Method,
    Operand,
    Program,
    ScalarType,
    TensorType,
)

_SIZES = (1, 2, 3, 5, 8)
_LONGEST = 3
"""Calls in one session."""
_LARGEST, _MOST = 512, 8
"""Of the numbers that a program mentions, those that are tried as sizes: eager has to run with them."""
_TURNS = 64
"""Those that are tried as numbers, which may be the turns of a loop."""
_COMPARING = frozenset(("lt", "le", "gt", "ge", "eq", "ne", "min", "max", "index_within"))
_LIMIT, _NUMBER = re.compile(r"\b(?:Min|Max)\("), re.compile(r"(?<![\w.])\d+")


def sequences(program: Program[Any], examples: Sequence[Example]) -> list[tuple[Example, ...]]:
    """Sessions: each example alone; where there is state, also one after another."""
    found: list[tuple[Example, ...]] = [(example,) for example in examples]
    if not _keeps(program):
        return found
    for length in range(2, _LONGEST + 1):
        found += [(example,) * length for example in examples]
    found += [(a, b) for a in examples for b in examples if a is not b]
    if len(examples) > 2:
        found.append(tuple(examples))
    return found


def _keeps(program: Program[Any]) -> bool:
    """Whether calls leave something behind."""
    return len(program.states) > 1 or any(state.cells for state in program.states)


def resized_sequences(program: Program[Any], example: Example) -> list[tuple[Example, ...]]:
    """Where there is state: sessions whose calls have tensors of different sizes, one after another.

    A tensor that a call keeps has the sizes of that call, and the next one's arguments have others.
    """
    others = _resized(program.methods[example.method], example, ()) if _keeps(program) else []
    return [
        sequence
        for other in others
        for sequence in ((example, other), (other, other, example), (other, example, other))
    ]


def redrawn(example: Example, seed: int = 0) -> list[Example]:
    """The example with other values in its floating-point tensors.

    They are for decisions that the compiler took and should have left: those differ with the values.
    """
    generator = torch.Generator().manual_seed(seed)

    def another(leaf: Any) -> Any:
        if not (isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and leaf.numel()):
            return leaf
        noise = torch.randn(leaf.shape, generator=generator).to(leaf)
        return noise * (leaf.abs().max() + 0.1)

    def opposite(leaf: Any) -> Any:
        return -leaf if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() else leaf

    made = [map_tensors(change, example.copied()) for change in (opposite, another, another)]
    return [Example(example.method, args, kwargs) for args, kwargs in made]


def regrouped(example: Example, seed: int = 0) -> list[Example]:
    """The example with none, one or two rows that are alike, and all others their opposite.

    They are for sizes that data decide: how many rows pass a mask is as they say or the reverse, for masks
    of values and of what a linear layer makes of them. PyTorch has rules of its own for none and one.
    """
    generator = torch.Generator().manual_seed(seed)

    def change(axis: int, count: int, sign: float, alike: bool) -> Callable[[Any], Any]:
        def changed(leaf: Any) -> Any:
            if not (isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and leaf.numel()):
                return leaf
            if leaf.dim() <= axis:
                return leaf
            noise = torch.randn(leaf.shape, generator=generator)
            row = torch.randn(leaf.narrow(axis, 0, 1).shape, generator=generator)
            chosen = torch.randperm(leaf.shape[axis], generator=generator)[:count]
            signs = torch.full((leaf.shape[axis],), -sign)
            signs[chosen] = sign
            signs = signs.view(-1, *[1] * (leaf.dim() - 1 - axis))
            values = row + 0.1 * noise if alike else noise.abs() + 0.1
            return (values * signs).to(leaf) * (leaf.abs().max() + 0.1)

        return changed

    changes = [
        change(axis, count, sign, alike)
        for axis in (0, 1)
        for count in (0, 1, 2)
        for sign in (1.0, -1.0)
        for alike in (False, True)
    ]
    made = [map_tensors(each, example.copied()) for each in changes]
    return [Example(example.method, args, kwargs) for args, kwargs in made]


def map_tensors(change: Callable[[Any], Any], arguments: Any) -> Any:
    """``arguments`` with other leaves; what is one tensor in them stays one."""
    made: dict[int, Any] = {}

    def changed(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return change(leaf)
        if id(leaf) not in made:
            made[id(leaf)] = change(leaf)
        return made[id(leaf)]

    return pytree.tree_map(changed, arguments)


def mentioned(program: Program[Any]) -> tuple[int, ...]:
    """The numbers with which the host compares numbers, or of which a size is the least or the largest:
    where what a program does changes with a size."""
    found: dict[int, None] = {}
    for block in program.blocks.values():
        for step in block.steps:
            if isinstance(step, HostOp) and step.op in _COMPARING:
                found.update((use.value, None) for use in step.operands if _is_whole(use))  # type: ignore[misc]
            for value in step.outputs if isinstance(step, Compute) else (step.result,):
                shape = value.type.shape if isinstance(value.type, TensorType) else ()
                dims = (dim for dim in shape if isinstance(dim, str) and _LIMIT.search(dim))
                found.update((int(number), None) for dim in dims for number in _NUMBER.findall(dim))
    return tuple(number for number in found if 0 < number <= _LARGEST)[:_MOST]


def _is_whole(use: Operand) -> bool:
    return isinstance(use, Const) and type(use.value) is int


def variations(method: Method, example: Example, numbers: Sequence[int] = ()) -> list[Example]:
    """Calls with another number in place of one, and with other sizes where sizes are free.

    ``numbers`` are those that the program mentions (:func:`mentioned`): they are tried, and those beside.
    """
    return renumbered(method, example, numbers) + _resized(method, example, numbers)


def renumbered(method: Method, example: Example, numbers: Sequence[int] = ()) -> list[Example]:
    """Calls with another number in place of one."""
    found: list[Example] = []
    for position, parameter in enumerate(method.parameters):
        tree = parameter.tree
        if not (isinstance(tree, Input) and isinstance(tree.type, ScalarType)):
            continue
        if parameter.kind not in ("positional", "keyword"):
            continue
        value = _argument(example, position, parameter.name, parameter.default)
        others = _others(value, numbers)
        found += [_replaced(example, position, parameter.name, other) for other in others]
    return found


def _others(value: Any, numbers: Sequence[int]) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        few = [number for number in _beside(numbers) if number <= _TURNS]
        tried = (0, 1, 2, 3, value + 1, value - 1, -1, *few)
        return [v for v in dict.fromkeys(tried) if v != value]
    if isinstance(value, float):
        return [-value, 0.0, value + 10.0]
    return []


def _argument(example: Example, position: int, name: str, default: Any) -> Any:
    if position < len(example.args):
        return example.args[position]
    return example.kwargs.get(name, default)


def _replaced(example: Example, position: int, name: str, value: Any) -> Example:
    if position < len(example.args):
        args = (*example.args[:position], value, *example.args[position + 1 :])
        return dataclasses.replace(example, args=args)
    return dataclasses.replace(example, kwargs={**example.kwargs, name: value})


# --------------------------------------------------------------------------------------- sizes


def _beside(numbers: Sequence[int]) -> list[int]:
    return [number + step for number in numbers for step in (0, 1, -1)]


def _resized(method: Method, example: Example, numbers: Sequence[int]) -> list[Example]:
    """The example with a free size changed, in every tensor argument that has it."""
    tensors: list[tuple[int, str, TensorType, torch.Tensor]] = []
    for position, parameter in enumerate(method.parameters):
        tree = parameter.tree
        value = _argument(example, position, parameter.name, None)
        if (
            isinstance(tree, Input)
            and isinstance(tree.type, TensorType)
            and isinstance(value, torch.Tensor)
        ):
            tensors.append((position, parameter.name, tree.type, value))
    symbols: dict[str, int] = {}
    for _, _, type_, value in tensors:
        for dim, size in zip(type_.shape, value.shape, strict=True):
            if isinstance(dim, str) and dim.isidentifier():
                symbols.setdefault(dim, size)
    found: list[Example] = []
    for symbol, now in symbols.items():
        # (declared ranges may leave none of the usual ones)
        less = (now - 1,) if method.constraints else ()
        for size in dict.fromkeys((*_SIZES, now + 1, *less, *(n for n in _beside(numbers) if n > 0))):
            sizes = {**symbols, symbol: size}
            if size != now and all(evaluate_size(each.expression, sizes) for each in method.constraints):
                found.append(_with_sizes(example, tensors, sizes))
    return found


def _with_sizes(
    example: Example, tensors: list[tuple[int, str, TensorType, torch.Tensor]], symbols: dict[str, int]
) -> Example:
    made: dict[int, torch.Tensor] = {}
    for position, name, type_, value in tensors:
        if id(value) not in made:
            made[id(value)] = _with_size(value, type_, symbols)
        example = _replaced(example, position, name, made[id(value)])
    return example


def _with_size(value: torch.Tensor, type_: TensorType, symbols: dict[str, int]) -> torch.Tensor:
    for axis, dim in enumerate(type_.shape):
        if isinstance(dim, str):
            index = torch.arange(max(int(evaluate_size(dim, symbols)), 0)) % max(value.shape[axis], 1)
            value = value.index_select(axis, index.to(value.device))
    return value

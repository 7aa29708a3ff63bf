"""Drop a parameter whose value is known, or that another parameter has too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias, TypeVar

from dyncc.ir import Block, Const, Edge, Operand, Program, Ref, Value
from dyncc.passes.base import GraphOps, Result
from dyncc.passes.rewrite import (
    entry_blocks,
    incoming,
    map_edges,
    map_step,
    map_terminator,
    operand_key,
    substitution,
)

G = TypeVar("G")

_Param: TypeAlias = "tuple[str, int]"
_Incoming: TypeAlias = "Mapping[str, list[tuple[str, Edge]]]"


@dataclass(frozen=True, slots=True)
class DedupeParams:
    """Replaces a parameter that is the same constant on every edge, or the same value as an earlier one.

    Both are found by assuming the best and giving up what an edge contradicts, so that a value that a
    loop only passes around is found too (as in Wegman & Zadeck, *Constant Propagation with
    Conditional Branches*, and Alpern, Wegman & Zadeck, *Detecting Equality of Variables in Programs*).
    The parameters of a block where a method starts stay, and two parameters are one only if their types
    are equal.
    """

    name: ClassVar[str] = "dedupe-params"

    def run(self, program: Program[G], graphs: GraphOps[G]) -> Result[G]:
        edges, fixed = incoming(program.blocks), entry_blocks(program)
        constants = _constants(program.blocks, edges, fixed)
        same = _classes(program.blocks, edges, fixed)
        replaced = {name: _replacements(block, constants, same) for name, block in program.blocks.items()}
        if not any(replaced.values()):
            return Result(program, False)

        def edge(old: Edge) -> Edge:
            gone = replaced[old.block]
            params = program.blocks[old.block].params
            return Edge(
                old.block, tuple(a for a, p in zip(old.args, params, strict=True) if p.name not in gone)
            )

        blocks: dict[str, Block] = {}
        for name, block in program.blocks.items():
            changed = _rewritten(block, replaced[name])
            blocks[name] = replace(changed, terminator=map_edges(changed.terminator, edge))
        notes = [
            f"parameter `{param}` of `{name}` is always {_shown(operand)}"
            for name, gone in replaced.items()
            for param, operand in gone.items()
        ]
        return Result(replace(program, blocks=blocks), True, tuple(notes))


def _shown(operand: Operand) -> str:
    return repr(operand.value) if isinstance(operand, Const) else f"`{operand.name}`"


def _replacements(
    block: Block, constants: Mapping[_Param, Const], same: Mapping[_Param, int]
) -> dict[str, Operand]:
    found: dict[str, Operand] = {}
    first: dict[int, str] = {}
    for index, param in enumerate(block.params):
        key = (block.name, index)
        if key in constants:
            found[param.name] = constants[key]
        elif (leader := first.setdefault(same[key], param.name)) != param.name:
            found[param.name] = Ref(leader)
    return found


def _rewritten(block: Block, gone: Mapping[str, Operand]) -> Block:
    if not gone:
        return block
    change = substitution(gone)
    return replace(
        block,
        params=tuple(param for param in block.params if param.name not in gone),
        steps=tuple(map_step(step, change) for step in block.steps),
        terminator=map_terminator(block.terminator, change),
    )


def _positions(block: Block) -> dict[str, int]:
    return {param.name: index for index, param in enumerate(block.params)}


def _constants(blocks: Mapping[str, Block], edges: _Incoming, fixed: set[str]) -> dict[_Param, Const]:
    """The parameters that are one constant whichever way they are reached."""
    positions = {name: _positions(block) for name, block in blocks.items()}
    unknown = object()
    known: dict[_Param, Const | object] = {}

    def value(origin: str, operand: Operand) -> Const | object | None:
        """None: nothing has been said of it yet."""
        if isinstance(operand, Const):
            return operand
        index = positions[origin].get(operand.name)
        return unknown if index is None or origin in fixed else known.get((origin, index))

    changed = True
    while changed:
        changed = False
        for name, block in blocks.items():
            if name in fixed:
                continue
            for index in range(len(block.params)):
                before = known.get((name, index))
                after = before
                for origin, edge in edges[name]:
                    after = _meet(after, value(origin, edge.args[index]), unknown)
                if after is not before:
                    known[name, index], changed = after, True
    return {param: found for param, found in known.items() if isinstance(found, Const)}


def _meet(
    left: Const | object | None, right: Const | object | None, unknown: object
) -> Const | object | None:
    if left is None or right is None:
        return right if left is None else left
    if isinstance(left, Const) and isinstance(right, Const) and operand_key(left) == operand_key(right):
        return left
    return unknown


def _classes(blocks: Mapping[str, Block], edges: _Incoming, fixed: set[str]) -> dict[_Param, int]:
    """Numbers for the parameters; those of one block with equal numbers have equal values."""
    positions = {name: _positions(block) for name, block in blocks.items()}

    def initial(name: str, index: int, param: Value) -> object:
        alone = name in fixed or not edges[name]
        return (name, index) if alone else (name, param.type)

    everything = [(name, i, p) for name, block in blocks.items() for i, p in enumerate(block.params)]
    classes = _numbered({(name, i): initial(name, i, p) for name, i, p in everything})

    def given(origin: str, operand: Operand) -> object:
        index = positions[origin].get(operand.name) if isinstance(operand, Ref) else None
        return operand_key(operand) if index is None else classes[origin, index]

    while True:
        finer = _numbered(
            {
                (name, i): (
                    classes[name, i],
                    *(given(origin, edge.args[i]) for origin, edge in edges[name]),
                )
                if name not in fixed
                else classes[name, i]
                for name, i, _ in everything
            }
        )
        if len(set(finer.values())) == len(set(classes.values())):
            return classes
        classes = finer


def _numbered(keys: Mapping[_Param, object]) -> dict[_Param, int]:
    numbers: dict[object, int] = {}
    return {param: numbers.setdefault(key, len(numbers)) for param, key in keys.items()}

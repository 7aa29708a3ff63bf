"""Which reads of tensors' values a decision depends on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dyncc.runtime.program import (
    Block,
    Branch,
    Compute,
    HostOp,
    Operand,
    Program,
    Ref,
    Switch,
    successors,
)


class Reads:
    """The reads of tensors' values that a value of a block depends on, through block parameters too.

    ``op``: with ``dim`` the reads of their sizes.
    """

    def __init__(self, program: Program[Any], op: str = "item") -> None:
        self.program = program
        self.op = op
        self.into: dict[str, list[tuple[Block, tuple[Operand, ...]]]] = {}
        for block in program.blocks.values():
            for edge in successors(block.terminator):
                self.into.setdefault(edge.block, []).append((block, edge.args))

    def deciding(self, block: Block) -> list[HostOp]:
        """The reads that ``block``'s decision depends on."""
        match block.terminator:
            case Branch(pred=operand) | Switch(index=operand):
                pass
            case _:
                return []
        found: list[HostOp] = []
        seen: set[tuple[str, str]] = set()
        pending = [(block, operand)]
        while pending:
            where, operand = pending.pop()
            if isinstance(operand, Ref) and (where.name, operand.name) not in seen:
                seen.add((where.name, operand.name))
                pending += self._step(where, operand.name, found)
        return found

    def _step(self, block: Block, name: str, found: list[HostOp]) -> Iterator[tuple[Block, Operand]]:
        """What the value ``name`` is made from; a read is noted and followed no further."""
        for position, param in enumerate(block.params):
            if param.name == name:
                yield from (
                    (source, args[position])
                    for source, args in self.into.get(block.name, ())
                    if position < len(args)
                )
        for step in block.steps:
            if isinstance(step, HostOp) and step.result.name == name:
                if step.op == self.op:
                    found.append(step)
                else:
                    yield from ((block, operand) for operand in step.operands)
            elif isinstance(step, Compute) and any(output.name == name for output in step.outputs):
                yield from ((block, operand) for operand in step.inputs)

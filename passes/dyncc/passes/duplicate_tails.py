"""Give each way into a small block its own copy of it, so that a way is one call into the engine.

Where ways meet, a block begins, and with it a call: a block that may be skipped, then the gate of the next
one; an expert, then what weighs its result; the body of a loop, then its test. A block ``tail`` that others
come to by a jump is copied behind each of them, and their graphs become one::

    arm:   y = compute g(x)         jump tail(y)          arm:   z = compute g.tail(x)    branch …
    …      branch c ? arm : tail(x)                  →    …      branch c ? arm : tail(x)
    tail:  z = compute h(y)         branch …              tail:  z = compute h(y)         branch …

This is tail duplication (Mahlke et al., *Effective compiler support for predicated execution using the
hyperblock*, MICRO 1992); of the head of a loop, loop rotation. The number of blocks does not grow.

Refuses tails of more than ``operators`` calls or ``weights`` elements of weights (each copy is loaded by
itself), to which more than ``copies`` blocks jump, and copies whose graph cannot be joined to what comes
before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from dyncc.ir import Block, Compute, Jump, Program
from dyncc.passes.base import GraphOps, Result
from dyncc.passes.fuse_computes import Fusion
from dyncc.passes.merge_blocks import joined
from dyncc.passes.rewrite import entry_blocks, incoming, used_graphs, with_blocks

G = TypeVar("G")


@dataclass(frozen=True, slots=True)
class DuplicateTails:
    """Copies small blocks behind each of those that jump to them."""

    name: ClassVar[str] = "duplicate-tails"
    operators: int = 64
    weights: int = 1 << 16
    copies: int = 8

    def run(self, program: Program[G], graphs: GraphOps[G]) -> Result[G]:
        work = _Duplication(self, program, graphs)
        while any([work.tail(name) for name in program.blocks]):
            pass
        if not work.notes:
            return Result(program, False)
        return Result(with_blocks(program, work.blocks, work.graphs), True, tuple(work.notes))


class _Duplication(Generic[G]):
    def __init__(self, limits: DuplicateTails, program: Program[G], ops: GraphOps[G]) -> None:
        self.limits = limits
        self.ops = ops
        self.entries = entry_blocks(program)
        self.blocks: dict[str, Block] = dict(program.blocks)
        self.graphs: Mapping[str, G] = program.graphs
        self.parts: dict[str, set[str]] = {name: {name} for name in program.blocks}
        """What a block consists of: none is copied into another twice, or a loop would be unrolled."""
        self.notes: list[str] = []

    def tail(self, name: str) -> bool:
        """Copy a block where it may be. Whether it was."""
        if name not in self.blocks or name in self.entries or not self._is_small(self.blocks[name]):
            return False
        ways = incoming(self.blocks)[name]
        jumping = [
            source
            for source, _ in ways
            if isinstance(self.blocks[source].terminator, Jump)
            and not self.parts[name] & self.parts[source]
        ]
        if len(ways) < 2 or not 0 < len(jumping) <= self.limits.copies:
            return False
        copied = [source for source in jumping if self._copy(name, source)]
        if len(copied) == len(ways):
            del self.blocks[name]
        if copied:
            self.notes.append(f"`{name}` is copied into {', '.join(f'`{source}`' for source in copied)}")
        return bool(copied)

    def _is_small(self, block: Block) -> bool:
        sizes = [self.ops.size(self.graphs[step.graph]) for step in _computes(block)]
        return (
            sum(size.operators for size in sizes) <= self.limits.operators
            and sum(size.weights for size in sizes) <= self.limits.weights
        )

    def _copy(self, name: str, source: str) -> bool:
        """Put a copy behind ``source`` if that saves a call."""
        tail, before = self.blocks[name], self.blocks[source]
        assert isinstance(before.terminator, Jump)
        fusion = self._fusion([])
        least = len(_computes(fusion.fuse(before))) + len(_computes(fusion.fuse(tail)))
        fusion = self._fusion([tail])
        fused = fusion.fuse(joined(before, tail, before.terminator.target.args))
        if len(_computes(fused)) >= least:
            return False
        self.blocks[source], self.graphs = fused, fusion.graphs
        self.parts[source] |= self.parts[name]
        return True

    def _fusion(self, more: Sequence[Block]) -> Fusion[G]:
        return Fusion(self.graphs, used_graphs([*self.blocks.values(), *more]), self.ops)


def _computes(block: Block) -> list[Compute]:
    return [step for step in block.steps if isinstance(step, Compute)]

"""The edges of a program that a call may take, as far as constants tell.

Where the specializer generalizes the state of a loop, the first turn may test a constant. No call takes the
other edge, and the passes remove it.
"""

from __future__ import annotations

from dataclasses import replace

from torch import fx

from dyncc.compiler.check.report import Edge
from dyncc.compiler.graph import FxGraphOps
from dyncc.passes.dedupe_params import DedupeParams
from dyncc.passes.fold_numbers import FoldNumbers
from dyncc.runtime.program import Branch, Const, Jump, Program, Switch, Terminator, successors
from dyncc.runtime.wellformed import reachable

_ROUNDS = 8
"""What a constant decides may make others constant; where that goes on longer, more edges are checked."""


def possible_edges(program: Program[fx.Graph]) -> frozenset[Edge]:
    """Every edge between the blocks of ``program`` that no decision on constants rules out."""
    decided: dict[str, int] = {}
    current = program
    for _ in range(_ROUNDS):
        graphs = FxGraphOps()
        current = FoldNumbers().run(DedupeParams().run(current, graphs).program, graphs).program
        found = {
            name: index
            for name, block in current.blocks.items()
            if (index := _taken(block.terminator)) is not None
        }
        if not found:
            break
        decided |= found
        blocks = dict(current.blocks)
        for name, index in found.items():
            terminator = blocks[name].terminator
            jump = Jump(successors(terminator)[index], terminator.span)
            blocks[name] = replace(blocks[name], terminator=jump)
        current = _reachable(replace(current, blocks=blocks))
    return frozenset(
        (name, index)
        for name in current.blocks
        for index in range(len(successors(program.blocks[name].terminator)))
        if decided.get(name, index) == index
    )


def _taken(terminator: Terminator) -> int | None:
    """The edge that a decision on a constant takes."""
    match terminator:
        case Branch(pred=Const(value)):
            return 0 if value else 1
        case Switch(index=Const(value), values=values):
            return values.index(value) if value in values else len(values)
        case _:
            return None


def _reachable(program: Program[fx.Graph]) -> Program[fx.Graph]:
    roots = [entry.block for method in program.methods.values() for entry in method.entries]
    names = set(reachable(program, roots))
    return replace(program, blocks={name: b for name, b in program.blocks.items() if name in names})

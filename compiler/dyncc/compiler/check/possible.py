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
from dyncc.passes.rewrite import decided, reachable, taken_edge
from dyncc.runtime.program import Program, successors

_ROUNDS = 8
"""What a constant decides may make others constant; where that goes on longer, more edges are checked."""


def possible_edges(program: Program[fx.Graph]) -> frozenset[Edge]:
    """Every edge between the blocks of ``program`` that no decision on constants rules out."""
    graphs, current = FxGraphOps(), program
    taken: dict[str, int] = {}
    for _ in range(_ROUNDS):
        for each in (FoldNumbers(), DedupeParams(), FoldNumbers()):
            current = each.run(current, graphs).program
        found = {name: taken_edge(block.terminator) for name, block in current.blocks.items()}
        if not any(index is not None for index in found.values()):
            break
        taken |= {name: index for name, index in found.items() if index is not None}
        blocks = {name: decided(block) for name, block in current.blocks.items()}
        reached = reachable(current, blocks)
        current = replace(current, blocks={name: b for name, b in blocks.items() if name in reached})
    return frozenset(
        (name, index)
        for name in current.blocks
        for index in range(len(successors(program.blocks[name].terminator)))
        if taken.get(name, index) == index
    )

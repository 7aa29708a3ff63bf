"""The marks of reads that the original makes and the program does not: for the checks, then gone."""

from __future__ import annotations

from dataclasses import replace

from torch import fx

from dyncc.compiler.graph import FxGraphOps
from dyncc.passes.drop_dead import DropDead
from dyncc.runtime.program import HostOp, Program, Step


def without_markers(program: Program[fx.Graph]) -> Program[fx.Graph]:
    """``program`` without its marks (``static_read``), which nothing uses."""
    blocks = {
        name: replace(block, steps=tuple(step for step in block.steps if not _is_marker(step)))
        for name, block in program.blocks.items()
    }
    return replace(program, blocks=blocks)


def unmarked(program: Program[fx.Graph]) -> Program[fx.Graph]:
    """``program`` without its marks, and without what was computed for them."""
    if not any(_is_marker(step) for block in program.blocks.values() for step in block.steps):
        return program
    return DropDead(reads=False).run(without_markers(program), FxGraphOps()).program


def _is_marker(step: Step) -> bool:
    return isinstance(step, HostOp) and step.op == "static_read"

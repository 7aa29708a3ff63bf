"""Give equal graphs one name, so that an engine loads them once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from dyncc.ir import Block, Compute, Program, Step
from dyncc.passes.base import GraphOps, Result

G = TypeVar("G")


@dataclass(frozen=True, slots=True)
class DedupeGraphs:
    """Makes Computes whose graphs have equal digests (weights included) use the first of them."""

    name: ClassVar[str] = "dedupe-graphs"

    def run(self, program: Program[G], graphs: GraphOps[G]) -> Result[G]:
        first: dict[str, str] = {}
        leaders = {
            name: first.setdefault(graphs.digest(graph), name) for name, graph in program.graphs.items()
        }
        if len(first) == len(leaders):
            return Result(program, False)

        def renamed(step: Step) -> Step:
            return replace(step, graph=leaders[step.graph]) if isinstance(step, Compute) else step

        def changed(block: Block) -> Block:
            return replace(block, steps=tuple(map(renamed, block.steps)))

        blocks = {name: changed(block) for name, block in program.blocks.items()}
        kept = {name: graph for name, graph in program.graphs.items() if leaders[name] == name}
        notes = [
            f"graph `{name}` is the same as `{leader}`"
            for name, leader in leaders.items()
            if name != leader
        ]
        return Result(replace(program, blocks=blocks, graphs=kept), True, tuple(notes))

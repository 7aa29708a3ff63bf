"""How often a call enters the blocks of a program: what weighs FLOPs and importance by the paths taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import onnx_ir

from dyncc.ir import Compute, Program
from dyncc.passes.prune.groups import weights_of


@dataclass(frozen=True)
class Usage:
    """Over the ``calls`` of a profile. ``blocks`` are the visits of each block, the mean over the calls.

    A block that is not there is never entered. ``taken`` counts, over all calls, the edges between blocks.
    """

    calls: int
    blocks: Mapping[str, float]
    taken: Mapping[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])

    def of_graphs(self, program: Program[onnx_ir.Model]) -> dict[str, float]:
        """How often a call runs each graph: once for every visit of every Compute with it."""
        often: defaultdict[str, float] = defaultdict(float)
        for name, block in program.blocks.items():
            for step in block.steps:
                if isinstance(step, Compute):
                    often[step.graph] += self.blocks.get(name, 0.0)
        return {name: often[name] for name in program.graphs}

    def of_weights(self, program: Program[onnx_ir.Model]) -> dict[str, float]:
        """How often a call runs a graph with each of the weights, by name."""
        often: defaultdict[str, float] = defaultdict(float)
        for name, times in self.of_graphs(program).items():
            for value in weights_of([program.graphs[name].graph]):
                often[value.name or ""] += times
        return dict(often)

"""From a finished bundle, and what its compile saw, to the facts of its report."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from dyncc.compiler.check.deciding import Reads
from dyncc.compiler.report import facts as f
from dyncc.compiler.report.costs import GraphCost, graph_costs
from dyncc.compiler.report.flow import Flow, Loop
from dyncc.compiler.report.observe import Observed
from dyncc.compiler.report.sources import Sources, block_spans
from dyncc.compiler.report.summary import summary
from dyncc.ir.printer import parameter_text, type_text
from dyncc.runtime.bundle import BundleInfo, read_bundle
from dyncc.runtime.manifest import Manifest
from dyncc.runtime.program import (
    Block,
    Branch,
    Compute,
    Raise,
    Return,
    Switch,
    successors,
)

_LOOPS = ("while ", "for ")
_PACKAGES = ("torch", "onnx", "onnxscript", "onnx-ir", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Seen:
    """What only the compile knows: a bundle does not hold it."""

    passes: Sequence[Any] = ()
    """Of each pass its ``name``, whether it ``modified`` the program, and ``notes``."""
    pruning: Sequence[str] = ()
    largest_error: float | None = None
    ties: Sequence[str] = ()
    runs: Sequence[Observed] = ()
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    """The files that were compiled, by path; those that are missing are read."""


def collect(folder: Path, seen: Seen) -> f.Facts:
    """The facts about the bundle in ``folder``."""
    return _Collector(folder, read_bundle(folder), seen).facts()


@dataclass(frozen=True)
class _Collector:
    folder: Path
    info: BundleInfo
    seen: Seen

    @property
    def manifest(self) -> Manifest:
        return self.info.manifest

    @cached_property
    def blocks(self) -> list[Block]:
        return list(self.manifest.program.blocks.values())

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {block.name: number for number, block in enumerate(self.blocks, 1)}

    @cached_property
    def sources(self) -> Sources:
        return Sources.of(self.manifest.sources, self.seen.texts)

    @cached_property
    def costs(self) -> list[GraphCost]:
        """The cost of each block: that of its graphs together."""
        graphs = graph_costs(self.folder, self.manifest)
        return [
            _sum([graphs[step.graph] for step in block.steps if isinstance(step, Compute)])
            for block in self.blocks
        ]

    @cached_property
    def flow(self) -> Flow:
        index = {name: number - 1 for name, number in self.numbers.items()}
        ways = [[index[edge.block] for edge in successors(block.terminator)] for block in self.blocks]
        entries = [
            index[entry.block]
            for method in self.manifest.program.methods.values()
            for entry in method.entries
        ]
        return Flow.of(ways, list(dict.fromkeys(entries)), [cost.flops for cost in self.costs])

    def facts(self) -> f.Facts:
        manifest, program = self.manifest, self.manifest.program
        blocks = self._blocks()
        exits, loops, runs = self._exits(), self._loops(), self._runs()
        whole = self._route(list(range(len(blocks))))
        checks = self._checks()
        return f.Facts(
            schema=f.SCHEMA,
            name=program.name,
            sha256=self.info.sha256,
            generator=manifest.generator,
            command=manifest.command,
            versions=_versions(manifest),
            engine=f.EngineFacts(
                manifest.engine.name, {name: each.engine for name, each in manifest.artifacts.items()}
            ),
            summary=summary(blocks, exits, loops, runs),
            entries=self._entries(),
            blocks=blocks,
            whole=whole,
            exits=exits,
            loops=loops,
            state=_states(manifest),
            runs=runs,
            fixed=tuple(
                f.Fixed(item.what, item.value, self.sources.place([item.span]) if item.span else "")
                for item in program.frozen
            ),
            passes=tuple(f.PassFacts(ran.name, ran.modified, tuple(ran.notes)) for ran in self.seen.passes),
            pruning=tuple(self.seen.pruning),
            checks=checks,
            sources=self.sources.shown(self.numbers, program),
        )

    # ------------------------------------------------------------------------------------- blocks

    def _blocks(self) -> tuple[f.BlockFacts, ...]:
        reads = Reads(self.manifest.program)
        return tuple(self._block(index, block, reads) for index, block in enumerate(self.blocks))

    def _block(self, index: int, block: Block, reads: Reads) -> f.BlockFacts:
        cost, terminator = self.costs[index], block.terminator
        decides = self.sources.text(terminator.span)
        by = ""
        if isinstance(terminator, Branch | Switch):
            by = "tensor" if reads.deciding(block) else "number"
        elif isinstance(terminator, Raise) and not decides:
            decides = f"raise {terminator.error.name}"
        ranked = sorted(cost.operators.items(), key=lambda item: (-item[1], item[0]))
        return f.BlockFacts(
            number=index + 1,
            name=block.name,
            function=block.note.partition(":")[0] if block_spans(block) else "",
            place=self.sources.place(block_spans(block)),
            operators=tuple(f.Operator(name, count) for name, count in ranked),
            host=sum(not isinstance(step, Compute) for step in block.steps),
            parameters=sum(cost.weights.values()),
            flops=cost.flops,
            free=cost.free,
            end=type(terminator).__name__.lower(),
            decides=decides,
            by=by,
            ways=self._ways(index, block, decides),
            entered=tuple(seen.entered[block.name] for seen in self.seen.runs),
        )

    def _ways(self, index: int, block: Block, decides: str) -> tuple[f.Way, ...]:
        labels = self._labels(index, block, decides)
        return tuple(
            f.Way(
                target=self.flow.successors[index][position] + 1,
                label=label,
                back=(index, position) in self.flow.back,
                taken=tuple(seen.taken[block.name, position] for seen in self.seen.runs),
            )
            for position, label in enumerate(labels)
        )

    def _labels(self, index: int, block: Block, decides: str) -> list[str]:
        match block.terminator:
            case Branch():
                if decides.startswith("for ") and (inside := self._inside(index)) is not None:
                    return ["next" if stays else "at the end" for stays in inside]
                return ["true", "false"]
            case Switch(values=values):
                return [*map(str, values), "else"]
            case _:
                return [""] * len(successors(block.terminator))

    def _inside(self, index: int) -> list[bool] | None:
        """Which way of a ``for`` turns and which leaves; None where that does not show."""
        cycle = next((cycle for cycle in self._cycles if index in cycle), frozenset[int]())
        inside = [target in cycle for target in self.flow.successors[index]]
        return inside if sorted(inside) == [False, True] else None

    @cached_property
    def _cycles(self) -> list[frozenset[int]]:
        return self.flow.cycles()

    # -------------------------------------------------------------------------------------- paths

    def _route(self, blocks: Sequence[int]) -> f.Route:
        """The route along ``blocks``, in which a block may come again."""
        cost = _sum([self.costs[block] for block in blocks])
        distinct = tuple(block + 1 for block in dict.fromkeys(blocks))
        return f.Route(distinct, sum(cost.weights.values()), cost.flops)

    def _turned(self, path: Sequence[int]) -> list[int]:
        """``path`` and a turn, the dearest, of each loop that it comes to, unless it goes through one."""
        blocks = list(path)
        for loop in self.flow.loops():  # outer ones first: a turn of one may come to those inside
            if loop.blocks.isdisjoint(blocks):
                continue
            turn = max(self._turns(loop, self.flow.dearest), key=lambda turn: _work(self._route(turn)))
            if not set(turn) <= set(blocks):
                blocks += turn
        return blocks

    def _turns(self, loop: Loop, along: Callable[..., Mapping[int, list[int]]]) -> list[list[int]]:
        """For each way back of a loop the turn that ends with it, ``along`` the cheapest or dearest."""
        heads = [(latch, self.flow.successors[latch][position]) for latch, position in loop.back]
        return [along([head], loop.blocks)[latch] for latch, head in heads]

    def _exits(self) -> tuple[f.ExitFacts, ...]:
        flow = self.flow
        least, most = flow.cheapest(flow.entries), flow.dearest(flow.entries)
        unbounded = flow.behind_loops()
        return tuple(
            f.ExitFacts(
                index + 1,
                self._route(least[index]),
                self._route(self._turned(most[index])),
                index not in unbounded,
            )
            for index, block in enumerate(self.blocks)
            if isinstance(block.terminator, Return | Raise) and index in least
        )

    def _loops(self) -> tuple[f.LoopFacts, ...]:
        return tuple(self._loop(loop) for loop in self.flow.loops())

    def _loop(self, loop: Loop) -> f.LoopFacts:
        flow = self.flow
        least = map(self._route, self._turns(loop, flow.cheapest))
        most = map(self._route, self._turns(loop, flow.dearest))
        first = flow.successors[loop.back[0][0]][loop.back[0][1]]
        deciding = (block for block in sorted(loop.blocks) if self._text(block).startswith(_LOOPS))
        return f.LoopFacts(next(deciding, first) + 1, min(least, key=_work), max(most, key=_work))

    def _text(self, block: int) -> str:
        """What a block decides by."""
        return self.sources.text(self.blocks[block].terminator.span)

    def _runs(self) -> tuple[f.Runs, ...]:
        flops = {block.name: cost.flops for block, cost in zip(self.blocks, self.costs, strict=True)}
        return tuple(
            f.Runs(
                seen.label, seen.calls, seen.raised, seen.failed, seen.different_blocks(), seen.flops(flops)
            )
            for seen in self.seen.runs
        )

    # --------------------------------------------------------------------------------------- rest

    def _entries(self) -> tuple[f.EntryFacts, ...]:
        program = self.manifest.program
        several = len(program.states) > 1
        return tuple(
            f.EntryFacts(
                method.name,
                f"{method.name}({', '.join(map(parameter_text, method.parameters))})",
                self.numbers[entry.block],
                f"state {variant}" if several else "",
            )
            for method in program.methods.values()
            for variant, entry in enumerate(method.entries)
        )

    def _checks(self) -> f.CheckFacts | None:
        checks = self.manifest.checks
        if checks is None:
            return None
        unchecked = (
            f.NotChecked(
                self.sources.place([edge.span]) if edge.span else edge.block,
                f"{self.sources.text(edge.span)}: {edge.way}" if edge.span else edge.way,
                edge.why,
            )
            for edge in checks.unchecked
        )
        return f.CheckFacts(
            checks.paths,
            checks.edges,
            tuple(dict.fromkeys(unchecked)),
            self.seen.largest_error,
            tuple(self.seen.ties),
        )


def _work(route: f.Route) -> tuple[int, int]:
    return route.flops, len(route.blocks)


def _sum(costs: Sequence[GraphCost]) -> GraphCost:
    """The costs together; a weight of several counts once."""
    operators: dict[str, int] = {}
    weights: dict[str, int] = {}
    for cost in costs:
        weights.update(cost.weights)
        for name, count in cost.operators.items():
            operators[name] = operators.get(name, 0) + count
    return GraphCost(
        operators, weights, sum(cost.flops for cost in costs), any(cost.free for cost in costs)
    )


def _states(manifest: Manifest) -> tuple[str, ...]:
    states = manifest.program.states
    if not any(state.cells for state in states):
        return ()
    return tuple(
        ", ".join(f"{cell.path}: {type_text(cell.type)}" for cell in state.cells) or "nothing"
        for state in states
    )


def _versions(manifest: Manifest) -> dict[str, str]:
    """What compiled the bundle, and the packages of engines that run a part of it."""
    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found

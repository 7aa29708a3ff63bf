"""Drop what cannot run and what nothing needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar

from dyncc.ir import (
    Block,
    Compute,
    Const,
    Edge,
    Entry,
    HostOp,
    Operand,
    Program,
    Ref,
    Step,
    successors,
)
from dyncc.ir.instructions import may_raise
from dyncc.ir.subtyping import constant_type
from dyncc.passes.base import GraphOps, Result
from dyncc.passes.rewrite import (
    decided,
    map_edges,
    own_operands,
    reachable,
    results,
    types_of,
    used_graphs,
    values,
)

G = TypeVar("G")

READS = frozenset({"item", "static_read"})
"""Instructions that the checks count."""


@dataclass(frozen=True, slots=True)
class DropDead:
    """Removes decisions on constants, blocks that cannot be reached, and values that are not needed.

    A value is needed when it decides, is returned, written or raised, or when another needed value is
    made from it; so a parameter that only goes around a loop is dropped. A host instruction that may
    raise stays, as does the cell of a state. Of a read that nothing needs the mark stays (``static_read``)
    unless ``reads`` is false: the checks tell the reads of both sides apart by them. Unneeded inputs
    and outputs of graphs go with their values, alike for all uses of a graph; so does a graph that nothing
    uses.
    """

    name: ClassVar[str] = "drop-dead"
    reads: bool = True

    def run(self, program: Program[G], graphs: GraphOps[G]) -> Result[G]:
        blocks = {name: decided(block) for name, block in program.blocks.items()}
        reached = reachable(program, blocks)
        kept = {name: block for name, block in blocks.items() if name in reached}
        after = _Sweep(replace(program, blocks=kept), graphs, self.reads).program()
        return Result(after, after != program, tuple(_notes(program, blocks, after)))


def _notes(before: Program[G], decided: Mapping[str, Block], after: Program[G]) -> list[str]:
    notes = [f"block `{name}` cannot be reached" for name in before.blocks if name not in after.blocks]
    for name, block in after.blocks.items():
        if decided[name] is not before.blocks[name]:
            notes.append(f"`{name}` decides on a constant")
        left = {value.name for value in values(block)}
        gone = [value.name for value in values(before.blocks[name]) if value.name not in left]
        notes += [f"`{value}` of `{name}` is not needed" for value in gone]
    for name, graph in before.graphs.items():
        if name not in after.graphs:
            notes.append(f"graph `{name}` is not used")
        elif after.graphs[name] is not graph:
            notes.append(f"graph `{name}` has inputs or outputs that are not needed")
    return notes


class _Sweep(Generic[G]):
    """Marks the values that are needed, then rebuilds the program from them."""

    def __init__(self, source: Program[G], graphs: GraphOps[G], reads: bool) -> None:
        self.reads = reads
        self.source = source
        self.graphs = graphs
        self.needed: set[tuple[str, str]] = set()
        self.pending: list[tuple[str, str]] = []
        self.edges: dict[str, list[tuple[str, Edge]]] = {name: [] for name in source.blocks}
        self.maker: dict[tuple[str, str], int] = {}
        self.users: dict[str, list[tuple[str, Compute]]] = {}
        self.graph_outputs: dict[str, set[int]] = {}
        self.kept_steps: set[tuple[str, int]] = set()
        used = used_graphs(source.blocks.values())
        self.dependencies = {name: graphs.dependencies(source.graphs[name]) for name in used}

    def program(self) -> Program[G]:
        for name, block in self.source.blocks.items():
            self.scan(name, block)
        self.cells()
        while self.pending:
            self.propagate(*self.pending.pop())
        return self.rebuilt()

    # ----------------------------------------------------------------------------------- mark

    def need(self, block: str, operand: Operand) -> None:
        if isinstance(operand, Ref) and (block, operand.name) not in self.needed:
            self.needed.add((block, operand.name))
            self.pending.append((block, operand.name))

    def scan(self, name: str, block: Block) -> None:
        """Note who makes and who takes what; mark what is needed in any case."""
        types = types_of(block)
        for index, step in enumerate(block.steps):
            for value in results(step):
                self.maker[name, value.name] = index
            if isinstance(step, Compute):
                continue
            known = [
                constant_type(use) if isinstance(use, Const) else types[use.name] for use in step.operands
            ]
            if may_raise(step, known) or (self.reads and step.op in READS):
                self.keep(name, index)
        for operand in own_operands(block.terminator):
            self.need(name, operand)
        for edge in successors(block.terminator):
            self.edges[edge.block].append((name, edge))

    def cells(self) -> None:
        """The parameters that take cells of the state stay, since a cell has its place."""
        for method in self.source.methods.values():
            for entry in method.entries:
                for param in self.source.blocks[entry.block].params[len(entry.inputs) :]:
                    self.need(entry.block, Ref(param.name))

    def propagate(self, block: str, value: str) -> None:
        if (block, value) in self.maker:
            step = self.keep(block, self.maker[block, value])
            if isinstance(step, Compute):
                index = [output.name for output in step.outputs].index(value)
                self.need_output(step.graph, index)
            return
        index = [param.name for param in self.source.blocks[block].params].index(value)
        for origin, edge in self.edges[block]:
            self.need(origin, edge.args[index])

    def keep(self, block: str, index: int) -> Step:
        step = self.source.blocks[block].steps[index]
        if (block, index) in self.kept_steps:
            return step
        self.kept_steps.add((block, index))
        if isinstance(step, HostOp):
            for operand in step.operands:
                self.need(block, operand)
            return step
        self.users.setdefault(step.graph, []).append((block, step))
        for output in self.graph_outputs.get(step.graph, ()):
            self.need_inputs(block, step, output)
        return step

    def need_output(self, graph: str, index: int) -> None:
        """A graph keeps an output for all its uses, and then each use must give its inputs."""
        outputs = self.graph_outputs.setdefault(graph, set())
        if index in outputs:
            return
        outputs.add(index)
        for block, step in self.users.get(graph, ()):
            self.need_inputs(block, step, index)

    def need_inputs(self, block: str, step: Compute, output: int) -> None:
        for index in self.dependencies[step.graph][output]:
            self.need(block, step.inputs[index])

    # -------------------------------------------------------------------------------- rebuild

    def rebuilt(self) -> Program[G]:
        kept_params = {
            name: [index for index, p in enumerate(block.params) if (name, p.name) in self.needed]
            for name, block in self.source.blocks.items()
        }
        inputs: dict[str, list[int]] = {}
        graphs: dict[str, G] = {}
        for name in self.source.graphs:
            if name in self.users:
                inputs[name], graphs[name] = self.graph(name)

        def edge(old: Edge) -> Edge:
            return Edge(old.block, tuple(old.args[index] for index in kept_params[old.block]))

        def entry(old: Entry) -> Entry:
            indices = (index for index in kept_params[old.block] if index < len(old.inputs))
            return replace(old, inputs=tuple(old.inputs[index] for index in indices))

        blocks = {
            name: replace(
                block,
                params=tuple(block.params[index] for index in kept_params[name]),
                steps=tuple(
                    self.step(name, step, inputs)
                    for index, step in enumerate(block.steps)
                    if (name, index) in self.kept_steps
                ),
                terminator=map_edges(block.terminator, edge),
            )
            for name, block in self.source.blocks.items()
        }
        methods = {
            name: replace(method, entries=tuple(map(entry, method.entries)))
            for name, method in self.source.methods.items()
        }
        return replace(self.source, methods=methods, blocks=blocks, graphs=graphs)

    def graph(self, name: str) -> tuple[list[int], G]:
        """The inputs that are left of a graph, and the graph with them and the needed outputs."""
        graph = self.source.graphs[name]
        inputs, outputs = (list(range(count)) for count in self.graphs.signature(graph))
        kept = sorted(self.graph_outputs[name])
        if kept != outputs:
            graph = self.graphs.keep_outputs(graph, kept)
        used = sorted(frozenset[int]().union(*self.graphs.dependencies(graph)))
        if used != inputs:
            graph = self.graphs.keep_inputs(graph, used)
        return used, graph

    def step(self, block: str, step: Step, inputs: dict[str, list[int]]) -> Step:
        if isinstance(step, HostOp):
            is_mark = step.op == "item" and (block, step.result.name) not in self.needed
            return replace(step, op="static_read") if is_mark else step
        outputs = sorted(self.graph_outputs[step.graph])
        return replace(
            step,
            inputs=tuple(step.inputs[index] for index in inputs[step.graph]),
            outputs=tuple(step.outputs[index] for index in outputs),
        )

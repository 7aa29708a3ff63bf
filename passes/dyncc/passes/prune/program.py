"""Pruning of a whole dynamic program: what goes, the smaller program, and the check of every graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import onnx_ir

from dyncc.ir import Block, Compute, TensorType, Value
from dyncc.passes.prune.atoms import Indices
from dyncc.passes.prune.check import (
    TOLERANCE,
    Checked,
    candidates,
    check,
    difference,
    generic_weights,
    session,
)
from dyncc.passes.prune.depth import Branch, Feeds, Shallow, added, branches, least
from dyncc.passes.prune.edit import Rewrite
from dyncc.passes.prune.errors import InexactError, PruneError
from dyncc.passes.prune.flops import Cost, Costs
from dyncc.passes.prune.groups import Network
from dyncc.passes.prune.importance import Importance
from dyncc.passes.prune.latency import Timed, relative
from dyncc.passes.prune.masked import masked
from dyncc.passes.prune.model import Report, report_of, why_nothing
from dyncc.passes.prune.program_groups import (
    Arrays,
    Onnx,
    groups_of_program,
    weight_key,
    with_prepared_graphs,
)
from dyncc.passes.prune.rewrite import Removed, rewritten
from dyncc.passes.prune.selection import Selection
from dyncc.passes.prune.usage import Usage

Visits: TypeAlias = "Callable[[Onnx], Mapping[str, Sequence[Feeds]]]"
"""What calls give to the graphs of a program, by their names."""


@dataclass(frozen=True, eq=False)
class ProgramPlan:
    """What will be removed from a program whose graphs are prepared.

    ``weights`` are its weights by name, ``usage`` which ways calls take, where that is known. Residual
    branches may be gone from it already: ``shallow`` has such graphs, by name.
    """

    program: Onnx
    weights: Arrays
    network: Network
    removed: Removed
    usage: Usage | None = None
    shallow: Mapping[str, Shallow] = field(default_factory=dict[str, Shallow])
    time: float | None = None
    """The share of the time that is left, where it was measured."""

    @property
    def whole(self) -> Onnx:
        """The program with all of its branches."""
        graphs = {name: one.whole for name, one in self.shallow.items()}
        return replace(self.program, graphs={**self.program.graphs, **graphs})

    def pruned(self) -> tuple[Onnx, dict[str, np.ndarray]]:
        """The smaller program and its weights."""
        graphs = {
            name: rewritten(self.network, self.removed, model)
            for name, model in self.program.graphs.items()
        }
        return self._with(graphs), {name: self.sliced(name, array) for name, array in self.weights.items()}

    def report(self, criterion: str, checked: Checked | None) -> Report:
        """What is removed by ``criterion``, and what that leaves to compute."""
        costs, calls = _costs(self.program, self.network, self.usage), self.usage.calls if self.usage else 0
        report = report_of(self.network, self.removed, costs, criterion, checked, calls)
        report = replace(report, time=self.time)
        if not self.shallow:
            return report
        gone = tuple(
            replace(each, name=f"{name}: {each.name}")
            for name, one in self.shallow.items()
            for each in one.gone
        )
        return replace(report, before=cost_of(self.whole, self.weights, self.usage), branches=gone)

    def reference(self) -> Onnx:
        """The original with the removed channels zeroed at their consumers."""
        graphs = {
            name: masked(self.network, self.removed, model) for name, model in self.program.graphs.items()
        }
        return replace(self.program, graphs=graphs)

    def sliced(self, name: str, array: np.ndarray) -> np.ndarray:
        """A weight (or an array of its shape) without the removed channels."""
        for axis, kept in enumerate(self.kept(name, array.shape)):
            if not kept.all():
                array = np.compress(kept, array, axis)
        return np.ascontiguousarray(array)

    def kept(self, name: str, shape: Sequence[int]) -> list[np.ndarray]:
        """Which indices of each axis of a weight stay."""
        return [self._kept(atoms) for atoms in self.network.about.atoms.of_key(weight_key(name), shape)]

    def narrowed(self, graph: str, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the smaller graph is given where the original is given ``feeds``."""
        model = self.program.graphs[graph]
        keeps = Rewrite(lambda value, axis: self.network.kept(value, axis, self.removed), model, 18)
        values = {value.name or "": value for value in model.graph.inputs}
        return {name: _compressed(array, values[name], keeps) for name, array in feeds.items()}

    def _kept(self, atoms: Indices) -> np.ndarray:
        return self.network.kept_atoms(atoms, self.removed)

    def _with(self, graphs: dict[str, onnx_ir.Model]) -> Onnx:
        blocks = {name: self._block(block) for name, block in self.program.blocks.items()}
        return replace(self.program, graphs=graphs, blocks=blocks)

    def _block(self, block: Block) -> Block:
        """The block with the types of its values brought up to date."""

        def changed(value: Value) -> Value:
            if not isinstance(value.type, TensorType):
                return value
            atoms = self.network.about.atoms.of_key((block.name, value.name), value.type.shape)
            shape = tuple(
                int(self._kept(mine).sum()) if isinstance(size, int) and size else size
                for size, mine in zip(value.type.shape, atoms, strict=True)
            )
            return replace(value, type=replace(value.type, shape=shape))

        steps = tuple(
            replace(step, outputs=tuple(map(changed, step.outputs)))
            if isinstance(step, Compute)
            else replace(step, result=changed(step.result))
            for step in block.steps
        )
        return replace(block, params=tuple(map(changed, block.params)), steps=steps)


@dataclass(frozen=True, eq=False)
class PrunedProgram:
    program: Onnx
    weights: dict[str, np.ndarray]
    plan: ProgramPlan
    report: Report


def prune_program(
    program: Onnx,
    weights: Arrays,
    selection: Selection,
    importance: Importance,
    verify: bool = True,
    usage: Usage | None = None,
    visits: Visits | None = None,
) -> PrunedProgram:
    """Prune a lowered program, which is left as it is. Raises :class:`PruneError`.

    ``usage`` weighs importance, and FLOPs, by how often a call enters each block. ``visits`` tells what the
    graphs are given, to measure their residual branches and their time on.
    """
    plan = plan_program(program, weights, selection, importance, usage=usage, visits=visits)
    smaller, sliced = plan.pruned()
    checked = check_program(plan, smaller) if verify else None
    return PrunedProgram(smaller, sliced, plan, plan.report(importance.criterion, checked))


def plan_program(
    program: Onnx,
    weights: Arrays,
    selection: Selection,
    importance: Importance,
    *,
    rewrites_graph: bool = True,
    usage: Usage | None = None,
    visits: Visits | None = None,
) -> ProgramPlan:
    """Decide what goes. Raises :class:`PruneError` where nothing can."""
    ready = with_prepared_graphs(program)
    measured = selection.depth is not None or selection.latency is not None
    given = visits(ready) if visits is not None and measured else {}
    shallow = _shallow(ready, weights, selection, given) if selection.depth is not None else {}
    graphs = {name: one.model for name, one in shallow.items()}
    smaller = replace(ready, graphs={**ready.graphs, **graphs})
    network = groups_of_program(smaller, weights, rewrites_graph=rewrites_graph)
    if not network.groups and selection.channels:
        raise PruneError("there is nothing to prune in this program", why_nothing(network))
    scores = importance.scores(network.groups, usage.of_weights(smaller) if usage else None)
    plan = ProgramPlan(smaller, weights, network, network.none(), usage, shallow)
    dense = cost_of(ready, weights, usage) if shallow else None
    time = _clock(plan, given) if selection.latency is not None else None
    cost = _costs(smaller, network, usage).of
    removed = selection.removed(network, scores, cost, dense, time)
    return replace(plan, removed=removed, time=time(removed) if time else None)


def _shallow(
    program: Onnx, weights: Arrays, selection: Selection, visits: Mapping[str, Sequence[Feeds]]
) -> dict[str, Shallow]:
    """The graphs that lose residual branches: of all branches of the program those that add least.

    Code that several graphs have (a first call and later ones, both sides of a decision) is one branch, by
    its weights, and goes from all of them: it adds what it adds where that is most.
    """
    twins: dict[object, list[tuple[str, Branch, float]]] = {}
    for name, model in program.graphs.items():
        mine = branches(model)
        data = visits.get(name) or ([_run_any(model)[1]] if mine else [])
        for each, share in zip(mine, added(model, mine, data), strict=True):
            own = frozenset(weight for weight in each.weights() if weight in weights)
            twins.setdefault(own or each, []).append((name, each, share))
    pairs = [(same[0][1], max(share for _, _, share in same)) for same in twins.values()]
    chosen = {each for each, _ in least(pairs, selection.depth or 0.0, selection.keep)}
    by_graph: dict[str, list[tuple[Branch, float]]] = {}
    for same in twins.values():
        if same[0][1] in chosen:
            for name, each, share in same:
                by_graph.setdefault(name, []).append((each, share))
    return {name: Shallow.of(program.graphs[name], gone) for name, gone in by_graph.items()}


def _clock(plan: ProgramPlan, visits: Mapping[str, Sequence[Feeds]]) -> Callable[[Removed], float]:
    """The share of the time of all graphs (of a call, where it is known which it runs)."""
    often = plan.usage.of_graphs(plan.program) if plan.usage else {}
    whole = {
        name: Timed(
            model, next(iter(visits.get(name, ())), None) or _run_any(model)[1], often.get(name, 1.0)
        )
        for name, model in plan.whole.graphs.items()
        if not plan.usage or often.get(name)
    }

    def time(removed: Removed) -> float:
        trial = replace(plan, removed=removed)
        graphs = trial.pruned()[0].graphs
        smaller = [Timed(graphs[name], trial.narrowed(name, one.feeds)) for name, one in whole.items()]
        return relative(list(whole.values()), smaller)

    return time


def cost_of(program: Onnx, weights: Arrays, usage: Usage | None = None) -> Cost:
    """Parameters and FLOPs of a program as it is."""
    ready = with_prepared_graphs(program)
    network = groups_of_program(ready, weights)
    return _costs(ready, network, usage).of(network.none())


def _costs(program: Onnx, network: Network, usage: Usage | None) -> Costs:
    graphs = tuple(model.graph for model in program.graphs.values())
    return Costs(network, graphs, tuple(usage.of_graphs(program).values()) if usage else ())


def check_program(plan: ProgramPlan, smaller: Onnx, generic: bool = True) -> Checked:
    """Every graph against the original with the removed channels zeroed, on the channels that are left.

    The original is given random numbers in the removed channels too, so that a graph that heeds them is
    found out; hence what holds for every graph holds for the program. ``generic`` looks also at other
    weights, where those there are would hide a fault. Raises :class:`InexactError`.
    """
    largest, count = 0.0, 0
    reference = plan.reference()
    for one in plan.shallow.values():
        check(one.model, one.reference())
    for name, model in plan.program.graphs.items():
        errors = _check_graph(plan, model, smaller.graphs[name], reference.graphs[name], name)
        largest, count = max([largest, *errors]), count + len(errors)
        with generic_weights(model) as changed:
            if changed and generic:
                one = rewritten(plan.network, plan.removed, model)
                other = masked(plan.network, plan.removed, model)
                largest = max([largest, *_check_graph(plan, model, one, other, name)])
    return Checked(largest, count)


def _check_graph(
    plan: ProgramPlan, model: onnx_ir.Model, smaller: onnx_ir.Model, reference: onnx_ir.Model, name: str
) -> list[float]:
    keeps = Rewrite(lambda value, axis: plan.network.kept(value, axis, plan.removed), model, 18)
    expected, feeds = _run_any(reference)
    given = plan.narrowed(name, {value.name or "": feeds[value.name or ""] for value in model.graph.inputs})
    got = session(smaller).run([value.name for value in smaller.graph.outputs], given)
    errors: list[float] = []
    for value, one, other in zip(model.graph.outputs, got, expected, strict=True):
        error = difference(one, _compressed(other, value, keeps))
        if not error <= TOLERANCE:
            raise InexactError(
                f"the pruned graph `{name}` is not the original with its channels zeroed: output "
                f"`{value.name}` differs by {error:.1e} of its largest number"
            )
        errors.append(error)
    return errors


def _run_any(model: onnx_ir.Model) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    runner = session(model)
    names = [value.name for value in model.graph.outputs]
    failure: Exception | None = None
    for feeds in candidates(model, 0):
        try:
            return runner.run(names, feeds), feeds
        except Exception as error:
            # onnxruntime's own classes: another size may do
            failure = error
    raise PruneError(f"a graph of the program does not run on random inputs: {failure}")


def _compressed(array: np.ndarray, value: onnx_ir.Value, keeps: Rewrite) -> np.ndarray:
    for axis in range(array.ndim):
        kept = keeps.kept(value, axis)
        if kept.size == array.shape[axis] and not kept.all():
            array = np.compress(kept, array, axis)
    return array

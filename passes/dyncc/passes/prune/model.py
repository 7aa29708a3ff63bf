"""Pruning of a plain ONNX model: groups, scores, selection, rewriting, check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx_ir

from dyncc.passes.prune.check import Checked, check, generic_weights, run_reference
from dyncc.passes.prune.depth import Feeds, RemovedBranch, Shallow, added, branches, least
from dyncc.passes.prune.errors import PruneError
from dyncc.passes.prune.flops import Cost, Costs
from dyncc.passes.prune.groups import Frozen, Network, groups_of_model
from dyncc.passes.prune.importance import Importance
from dyncc.passes.prune.latency import Timed, relative
from dyncc.passes.prune.masked import lossy, masked
from dyncc.passes.prune.prepare import prepared
from dyncc.passes.prune.rewrite import Removed, rewritten
from dyncc.passes.prune.selection import Selection


@dataclass(frozen=True)
class GroupReport:
    """A group before and after. ``weights`` are the axes that it prunes, as ``name[axis]``."""

    name: str
    channels: int
    kept: int
    weights: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What pruning did. ``lossy`` names the normalizations whose statistics are over fewer channels."""

    criterion: str
    groups: tuple[GroupReport, ...]
    frozen: tuple[Frozen, ...]
    before: Cost
    after: Cost
    lossy: tuple[str, ...]
    error: float | None
    """The largest relative difference that the check saw; None where it was left out."""
    calls: int = 0
    """FLOPs are the mean over so many calls of a profile; without (0) those of all graphs, each once."""
    ways: tuple[str, ...] = ()
    """The ways of decisions that are gone, in words."""
    branches: tuple[RemovedBranch, ...] = ()
    """The residual branches that are gone."""
    time: float | None = None
    """The share of the time that is left, where there was a budget for it."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What will be removed from a prepared model, from which residual branches may be gone already."""

    model: onnx_ir.Model
    network: Network
    removed: Removed
    shallow: Shallow | None = None
    time: float | None = None
    """The share of the time that is left, where it was measured."""

    @property
    def whole(self) -> onnx_ir.Model:
        """The model with all of its branches."""
        return self.shallow.whole if self.shallow else self.model

    def pruned(self) -> onnx_ir.Model:
        return rewritten(self.network, self.removed, self.model)

    def reference(self) -> onnx_ir.Model:
        """The original with the removed channels zeroed at their consumers."""
        return masked(self.network, self.removed, self.model)


@dataclass(frozen=True, eq=False)
class Pruned:
    model: onnx_ir.Model
    plan: Plan
    report: Report


@dataclass(frozen=True)
class Pruning:
    """What to prune, and by what. ``verify`` runs the check; ``inputs`` are for it, random ones without."""

    selection: Selection
    importance: Importance = field(default_factory=Importance)
    verify: bool = True
    inputs: Mapping[str, np.ndarray] | None = None
    data: Sequence[Feeds] | None = None
    """What residual branches are measured on; without, what the check has."""

    def plan(self, model: onnx_ir.Model) -> Plan:
        """Decide on a prepared model. Raises :class:`PruneError` where nothing can be pruned."""
        shallow = None if self.selection.depth is None else self._shallow(model)
        model = shallow.model if shallow else model
        network = groups_of_model(model)
        if not network.groups and self.selection.channels:
            raise PruneError("there is nothing to prune in this network", why_nothing(network))
        scores = self.importance.scores(network.groups)
        dense = _dense(shallow.whole) if shallow else None
        plan = Plan(model, network, network.none(), shallow)
        time = self._clock(plan) if self.selection.latency is not None else None
        costs = Costs(network, (model.graph,))
        removed = self.selection.removed(network, scores, costs.of, dense, time)
        return replace(plan, removed=removed, time=time(removed) if time else None)

    def _shallow(self, whole: onnx_ir.Model) -> Shallow:
        found = branches(whole)
        data = self.data if self.data is not None else [run_reference(whole, self.inputs, 0)[1]]
        pairs = list(zip(found, added(whole, found, data), strict=True))
        return Shallow.of(whole, least(pairs, self.selection.depth or 0.0, self.selection.keep))

    def _clock(self, plan: Plan) -> Callable[[Removed], float]:
        """The share of the time that the network takes without some channels."""
        whole = Timed(plan.whole, run_reference(plan.whole, self.inputs, 0)[1])

        def time(removed: Removed) -> float:
            return relative([whole], [Timed(replace(plan, removed=removed).pruned(), whole.feeds)])

        return time

    def run(
        self, model: onnx_ir.Model, update: Callable[[Plan, onnx_ir.Model], None] | None = None
    ) -> Pruned:
        """Prune a copy of any model; ``model`` is left as it is.

        ``update(plan, pruned)`` may change the weights of the pruned model, after the check. Raises
        :class:`PruneError`, and :class:`InexactError` where the check fails.
        """
        plan = self.plan(prepared(model))
        pruned = plan.pruned()
        checked = self.checked(plan, pruned) if self.verify else None
        if update is not None:
            update(plan, pruned)
        return Pruned(pruned, plan, self.report(plan, checked))

    def checked(self, plan: Plan, pruned: onnx_ir.Model) -> Checked:
        """Compare with the reference; also with other weights where those there are would hide a fault."""
        if plan.shallow is not None:
            check(plan.model, plan.shallow.reference(), self.inputs)
        result = check(pruned, plan.reference(), self.inputs)
        with generic_weights(plan.model) as changed:
            if not changed:
                return result
            other = check(plan.pruned(), plan.reference(), self.inputs)
        return Checked(max(result.error, other.error), result.outputs)

    def report(self, plan: Plan, checked: Checked | None) -> Report:
        costs = Costs(plan.network, (plan.model.graph,))
        report = report_of(plan.network, plan.removed, costs, self.importance.criterion, checked)
        report = replace(report, time=plan.time)
        if plan.shallow is None:
            return report
        return replace(report, before=_dense(plan.whole), branches=plan.shallow.gone)


def _dense(model: onnx_ir.Model) -> Cost:
    """What a prepared model costs as it is."""
    network = groups_of_model(model)
    return Costs(network, (model.graph,)).of(network.none())


def report_of(
    network: Network,
    removed: Removed,
    costs: Costs,
    criterion: str,
    checked: Checked | None,
    calls: int = 0,
) -> Report:
    """The report on what is removed from one or several graphs."""
    groups = tuple(
        GroupReport(
            group.name,
            group.size,
            int((~removed[group.labels]).sum()),
            tuple(dict.fromkeys(f"{member.name}[{member.axis}]" for member in group.members)),
        )
        for group in network.groups
    )
    return Report(
        criterion,
        groups,
        network.frozen,
        costs.of(network.none()),
        costs.of(removed),
        tuple(lossy(network, removed)),
        checked.error if checked else None,
        calls,
    )


def why_nothing(network: Network) -> str:
    """Some of the reasons for which weights stay."""
    reasons = list(dict.fromkeys(f"`{f.weight}`: {f.reason}" for f in network.frozen))
    return "; ".join(reasons[:3]) if reasons else "it has no weights"

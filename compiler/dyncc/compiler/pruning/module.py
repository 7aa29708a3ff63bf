"""Pruning of a PyTorch module: the same code with smaller parameters, so that training goes on.

The module is recorded and lowered as for a compile, which gives the coupled channels of all its paths.
Its own parameters are then cut, its attributes follow, and what comes out is recorded again: every graph
of it must compute what the original's graph does with the removed channels zeroed.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import onnx_ir
from torch import nn

from dyncc.compiler.api import _undisturbed
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.graph import FxGraphOps
from dyncc.compiler.lower import Lowered, lower_program
from dyncc.compiler.markers import unmarked, without_markers
from dyncc.compiler.pruning.attributes import (
    Change,
    Kept,
    apply,
    guessed_changes,
    known_changes,
    slice_parameters,
)
from dyncc.compiler.pruning.calls import calls_of
from dyncc.compiler.pruning.refit import refit_module
from dyncc.compiler.pruning.usage import usage_of_lowered
from dyncc.compiler.request import Request, make_request
from dyncc.compiler.specialize import specialize_methods
from dyncc.passes.base import Pass
from dyncc.passes.pipeline import parse_pipeline, run_pipeline
from dyncc.passes.prune.check import Checked
from dyncc.passes.prune.errors import InexactError, PruneError
from dyncc.passes.prune.importance import RECONSTRUCTION, Importance
from dyncc.passes.prune.model import Report
from dyncc.passes.prune.prepare import prepared
from dyncc.passes.prune.program import ProgramPlan, check_program, plan_program
from dyncc.passes.prune.selection import Selection


@dataclass(frozen=True, eq=False)
class PrunedModule:
    """``model`` is smaller and otherwise as it was, trainable.

    ``changes`` are its attributes that are new.
    """

    model: nn.Module
    report: Report
    plan: ProgramPlan
    changes: tuple[Change, ...]


PASSES = "drop-dead,merge-blocks"
"""Straight lines become one graph. What else the default passes share may differ in a smaller program."""


def lowered(model: Any, args: Any, kwargs: Any) -> Lowered:
    """The program of a model (all that ``compile`` takes) with its weights, before the bundle."""
    return _lowered(make_request(model, args, kwargs))


def _lowered(request: Request) -> Lowered:
    with _undisturbed():
        recorded = specialize_methods(request.methods, request.name)
        passes = cast("tuple[Pass, ...]", parse_pipeline(PASSES))
        merged = run_pipeline(without_markers(recorded.program), passes, FxGraphOps())
        return lower_program(unmarked(merged.program), recorded.weights)


def prune_module(
    model: nn.Module,
    args: Any,
    kwargs: Any,
    selection: Selection,
    importance: Importance,
    *,
    in_place: bool = False,
    data: Sequence[Any] | None = None,
    profile: Sequence[Any] = (),
) -> PrunedModule:
    """Prune a copy of a module (the module itself under ``in_place``).

    Raises CompileError where the module is no program that compiles, :class:`PruneError` where nothing
    can be pruned or its code does not allow it, :class:`InexactError` where the result is not exact; the
    module is then as it was.
    """
    training = model.training
    model.eval()
    try:
        request = make_request(model, args, kwargs, profile=profile)
        program = _lowered(request)
        plan = plan_program(
            program.program,
            program.weights,
            selection,
            importance,
            rewrites_graph=False,
            usage=usage_of_lowered(program, request.profile),
        )
        smaller, changes, checked = _first_exact(model, plan, args, kwargs)
        if importance.criterion == RECONSTRUCTION:
            calls = None if data is None else calls_of(data, request.examples[0])
            refit_module(plan, smaller, calls, request.examples, importance.seed)
    finally:
        model.train(training)
    report = plan.report(importance.criterion, checked)
    if in_place:
        slice_parameters(model, kept_of(model, plan))
        apply(model, list(changes))
        model.load_state_dict(smaller.state_dict())
        smaller = model
    return PrunedModule(smaller.train(training), report, plan, changes)


def kept_of(model: nn.Module, plan: ProgramPlan) -> Kept:
    """What stays of every parameter and buffer that the program knows."""
    names = {
        name: tensor
        for name, tensor in [*model.named_parameters(remove_duplicate=False), *model.named_buffers()]
    }
    same = {id(tensor): name for name, tensor in names.items() if name in plan.weights}
    found: dict[str, tuple[np.ndarray, ...]] = {}
    for name, tensor in names.items():
        known = name if name in plan.weights else same.get(id(tensor))
        if known is not None:
            found[name] = tuple(plan.kept(known, tuple(tensor.shape)))
    return found


TRIES = 12
"""How many ways of taking attributes for sizes are tried."""


def _first_exact(
    model: nn.Module, plan: ProgramPlan, args: Any, kwargs: Any
) -> tuple[nn.Module, tuple[Change, ...], Checked]:
    """The smaller module with the first reading of its attributes that is exact."""
    kept = _kept_of_module(model, plan)
    known = [c for name, module in model.named_modules() for c in known_changes(name, module, kept)]
    failure: PruneError | None = None
    for guess in _readings(guessed_changes(model, kept, _factors(plan))):
        smaller = copy.deepcopy(model)
        slice_parameters(smaller, kept)
        apply(smaller, [*known, *guess])
        try:
            return smaller, (*known, *guess), _checked(plan, smaller, args, kwargs)
        except PruneError as error:
            # the first reading is the likeliest, so its failure is the one to tell
            failure = failure or error
    assert failure is not None
    raise failure


def _readings(guess: list[Change]) -> list[list[Change]]:
    """All attributes that may be sizes are; none is; all but those of one name or value."""
    kinds = dict.fromkeys([c.name for c in guess] + [str(c.old) for c in guess])
    found = [guess, [], *([c for c in guess if kind not in (c.name, str(c.old))] for kind in kinds)]
    distinct = {tuple((c.module, c.name) for c in reading): reading for reading in found}
    return list(distinct.values())[:TRIES]


def _kept_of_module(model: nn.Module, plan: ProgramPlan) -> Kept:
    """What stays of every parameter. Raises where a constant is pruned that is none of the module's."""
    kept = kept_of(model, plan)
    pruned = {f"{m.name}" for g in plan.network.groups if plan.removed[g.labels].any() for m in g.members}
    missing = [
        name
        for name in pruned
        if name not in kept
        and name in plan.weights
        and np.issubdtype(plan.weights[name].dtype, np.floating)
    ]
    if missing:
        raise PruneError(
            f"`{missing[0]}` is no parameter or buffer of the module, so it cannot be made smaller",
            f"register it as a buffer, or keep it: keep=({missing[0]!r},)",
        )
    return kept


def _factors(plan: ProgramPlan) -> dict[int, int]:
    """Old and new sizes of the parts of axes that are taken apart by reshapes."""
    found: dict[int, int] = {}
    for model in plan.program.graphs.values():
        for node in model.graph.all_nodes():
            if node.op_type != "Reshape":
                continue
            for value in (node.inputs[0], node.outputs[0]):
                assert value is not None
                for atoms in plan.network.about.atoms.of(value):
                    kept = plan.network.kept_atoms(atoms, plan.removed)
                    if not kept.all():
                        found[kept.size] = int(kept.sum())
    return found


def _checked(plan: ProgramPlan, smaller: nn.Module, args: Any, kwargs: Any) -> Checked:
    """Record the smaller module and compare every graph of it."""
    try:
        again = lowered(smaller, args, kwargs).program
    except (CompileError, RuntimeError, ValueError, TypeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise PruneError(
            f"the module's code does not run with fewer channels: {reason}",
            "sizes in the code cannot follow: make them attributes, or keep these groups whole",
        ) from error
    if list(again.graphs) != list(plan.program.graphs):
        raise InexactError("the smaller module takes other paths than the original")
    graphs: dict[str, onnx_ir.Model] = {name: prepared(model) for name, model in again.graphs.items()}
    for name, model in graphs.items():
        shapes = [tuple(v.shape or ()) for v in model.graph.inputs]
        old = [len(v.shape or ()) for v in plan.program.graphs[name].graph.inputs]
        if [len(shape) for shape in shapes] != old:
            raise InexactError(f"the graph `{name}` of the smaller module takes other inputs")
    return check_program(plan, replace(again, graphs=graphs), generic=False)

"""Pruning between lowering and the bundle, and the check of the pruned bundle against its reference.

The reference is the same program with the removed channels zeroed at their consumers; it is a bundle of its
own, for a moment, so that whole calls can be compared and the examples kept with what they should give.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dyncc.compiler.bundle import Examples, write_bundle
from dyncc.compiler.calling import ArgumentError, bind
from dyncc.compiler.check.compare import END_TO_END, compare_outcomes, outcome
from dyncc.compiler.check.report import Example
from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.lower import Lowered
from dyncc.compiler.pruning.calls import calls_of
from dyncc.compiler.pruning.refit import refit_program, visits_of
from dyncc.compiler.pruning.synthesize import RANDOM, refitted_blindly
from dyncc.compiler.pruning.ways import Reduced
from dyncc.passes.prune.errors import InexactError, OptionError, PruneError
from dyncc.passes.prune.importance import RECONSTRUCTION, Importance
from dyncc.passes.prune.model import Report
from dyncc.passes.prune.obspa import Progress
from dyncc.passes.prune.program import ProgramPlan, cost_of, prune_program
from dyncc.passes.prune.selection import Selection
from dyncc.runtime.examples import EXAMPLES_SEED
from dyncc.runtime.net import Net
from dyncc.runtime.session import Session


@dataclass(frozen=True)
class Prune:
    """What ``compile`` is to remove, and by what criterion.

    ``data`` are batches to refit on by ``obspa`` (see :mod:`~dyncc.compiler.pruning.calls`), which are made
    up without; ``say`` is told how, ``progress`` how far the refit is. Ways of decisions go that at most
    the share ``rare`` of a profile's visits takes (0: that none takes; None: all stay).
    """

    selection: Selection
    importance: Importance = field(default_factory=Importance)
    data: Sequence[Any] | None = None
    say: Callable[[str], None] = lambda text: None
    progress: Progress | None = None
    rare: float | None = None

    def __post_init__(self) -> None:
        if self.rare is not None and not 0 <= self.rare < 0.5:
            raise OptionError(
                f"the share {self.rare} of visits is not in [0, 0.5)", "0: ways that none takes"
            )


@dataclass(frozen=True)
class PrunedLowered:
    """A pruned program on its way to a bundle, with the plan that it comes from.

    ``reference`` is a program that gives the same: the original with the removed channels zeroed or, where
    layers were refitted, the pruned program before all else that is done to it.
    """

    lowered: Lowered
    plan: ProgramPlan
    report: Report
    reference: Lowered
    warnings: tuple[str, ...] = ()


def prune_lowered(
    whole: Lowered,
    prune: Prune,
    examples: Sequence[Example],
    verify: bool = True,
    reduced: Reduced | None = None,
    dynamic: bool = False,
    profile: Sequence[Example] = (),
) -> PrunedLowered:
    """The smaller program, each of its graphs checked, and refitted where ``prune`` says so.

    ``reduced`` is the program with less ways, or as it was, and what a profile takes of it; what was before
    is ``whole``. ``examples`` are calls, with other sizes than theirs where it is ``dynamic``. What is
    measured is so on the data, on the ``profile``, or else on the examples. Raises CompileError where it is
    refused.
    """
    lowered, usage = (reduced.lowered, reduced.usage) if reduced else (whole, None)
    refits, made_up = prune.importance.criterion == RECONSTRUCTION, ""
    try:
        data = calls_of(prune.data, examples[0], dynamic=dynamic) if prune.data else None
        visits = visits_of(lowered.weights, data or profile or examples)
        result = prune_program(
            lowered.program, lowered.weights, prune.selection, prune.importance, verify, usage, visits
        )
        if refits:
            seed = prune.importance.seed
            made_up = refit_program(
                result.plan,
                result.program,
                result.weights,
                data,
                examples,
                seed,
                prune.say,
                prune.progress,
            )
        report = result.report
        if reduced is not None and reduced.ways:
            before = cost_of(whole.program, whole.weights, reduced.before)
            report = replace(report, before=before, ways=reduced.ways)
    except PruneError as error:
        raise CompileError([diagnostic(error)]) from error
    smaller = Lowered(result.program, result.weights, lowered.kept)
    original = replace(lowered, program=result.plan.reference(), weights=_initial(lowered))
    warnings = (refitted_blindly(made_up),) if made_up.startswith(RANDOM) else ()
    return PrunedLowered(smaller, result.plan, report, smaller if refits else original, warnings)


def _initial(lowered: Lowered) -> dict[str, np.ndarray]:
    """The weights that the program's state starts with, none of which is pruned."""
    cells = [cell.initial for state in lowered.program.states for cell in state.cells]
    return {name: lowered.weights[name] for name in cells if isinstance(name, str)}


def diagnostic(error: PruneError) -> Diagnostic:
    code = "DY301" if isinstance(error, InexactError) else ""
    return Diagnostic(code, error.message, None, helps=(error.help,) if error.help else ())


def reference_examples(
    pruned: PrunedLowered, examples: Sequence[Example], load: Callable[[Path], Net]
) -> tuple[Examples, Callable[[Path], None]]:
    """The examples as the reference answers them, and a check of a bundle that it answers them alike.

    The check raises CompileError. Where calls change the session's state, each example is alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reference.dyncc"
        write_bundle(pruned.reference, path)
        net = load(path)
        expected = [_call(net, example) for example in examples]
        del net
    kept = Examples()
    for number, (example, result) in enumerate(zip(examples, expected, strict=True)):
        _keep(kept, pruned, example, result, number)

    def check(bundle: Path) -> None:
        net = load(bundle)
        for example, wanted in zip(examples, expected, strict=True):
            found = compare_outcomes(wanted, _call(net, example), END_TO_END)
            if found.differences:
                raise CompileError([_differs(str(found.differences[0]))])

    return kept, check


def _call(net: Net, example: Example) -> Any:
    args, kwargs = example.copied()
    session = net.session()
    Session.seed(session, EXAMPLES_SEED)
    return outcome(lambda *a, **k: Session.call(session, example.method, a, k), args, kwargs)


def _keep(kept: Examples, pruned: PrunedLowered, example: Example, result: Any, number: int) -> None:
    try:
        inputs = bind(pruned.lowered.program.methods[example.method], *example.copied())
        raises = (type(result.error).__name__, str(result.error)) if result.error is not None else None
        kept.add(example.method, inputs, expected=result.value, raises=raises, session=number)
    except (ArgumentError, TypeError):
        return  # it has no form in a bundle


def _differs(text: str) -> Diagnostic:
    return Diagnostic(
        "DY301",
        "the pruned program is not the original with its channels zeroed",
        None,
        notes=(text,),
        helps=(
            "a decision that lies within rounding of its threshold looks like this: give another example",
        ),
    )

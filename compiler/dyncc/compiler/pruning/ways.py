"""Dropping the ways of decisions that a profile hardly takes; the check that all else stays as it was."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import fx

from dyncc.compiler.bundle import write_bundle
from dyncc.compiler.calling import bind
from dyncc.compiler.check.compare import END_TO_END, Outcome, compare_outcomes, outcome
from dyncc.compiler.check.report import Example
from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.graph import FxGraphOps
from dyncc.compiler.lower import Lowered, lower_program
from dyncc.compiler.markers import unmarked
from dyncc.compiler.pruning.usage import usage_of
from dyncc.compiler.report.observe import SECONDS_A_CALL
from dyncc.ir.verifier import verify
from dyncc.passes.pipeline import AnyPass, run_pipeline
from dyncc.passes.prune.usage import Usage
from dyncc.passes.prune.ways import Dropped, without_rare
from dyncc.runtime.bundle import load
from dyncc.runtime.limits import Step
from dyncc.runtime.net import Net
from dyncc.runtime.places import lines_text
from dyncc.runtime.program import Branch, Program
from dyncc.runtime.session import Session


@dataclass(frozen=True)
class Reduced:
    """A lowered program without ways, which ways its profile takes, and in words which are gone.

    ``before`` is what the profile took of the whole program.
    """

    lowered: Lowered
    usage: Usage
    before: Usage
    ways: tuple[str, ...] = ()


def without_ways(
    program: Program[fx.Graph],
    lowered: Lowered,
    weights: Mapping[str, torch.Tensor],
    usage: Usage,
    share: float,
    passes: Sequence[AnyPass],
    whole: Net,
    profile: Sequence[Example],
) -> Reduced:
    """``program``, which was ``lowered`` and loaded as ``whole``, without its rare ways.

    See :func:`~dyncc.passes.prune.ways.without_rare`. Calls of the profile that took none of these must
    give what they gave. Raises CompileError where one does not.
    """
    smaller, dropped = without_rare(program, usage, share)
    if not dropped:
        return Reduced(lowered, usage, usage)
    smaller = unmarked(run_pipeline(smaller, passes, FxGraphOps()).program)
    verify(smaller, FxGraphOps().signature)
    made = lower_program(smaller, weights)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reduced.dyncc"
        write_bundle(made, path)
        net = load(path, verify_digests=False)
        _compare(whole, net, {(each.block, each.edge) for each in dropped}, profile)
        ways = tuple(_words(program, each) for each in dropped)
        return Reduced(made, usage_of(net, profile), usage, ways)


def _words(program: Program[fx.Graph], dropped: Dropped) -> str:
    place = lines_text([dropped.span]) if dropped.span else f"block `{dropped.block}`"
    decides = isinstance(program.blocks[dropped.block].terminator, Branch)
    side = ("the condition holds", "it does not hold")[dropped.edge] if decides else f"case {dropped.edge}"
    return f"{place}, where {side}: {dropped.taken} of {dropped.visits} visits"


def _compare(whole: Net, reduced: Net, dropped: set[tuple[str, int]], profile: Sequence[Example]) -> None:
    program = whole.program
    stateful = len(program.states) > 1 or any(state.cells for state in program.states)
    sessions = Session(whole._machine), Session(reduced._machine)
    for number, call in enumerate(profile):
        if not stateful:
            sessions = Session(whole._machine), Session(reduced._machine)
        steps: list[Step] = []
        expected = _outcome(sessions[0], whole, call, steps)
        if any((step.block, step.edge) in dropped for step in steps):
            if stateful:
                return  # what it left in the state is another
            continue
        found = compare_outcomes(expected, _outcome(sessions[1], reduced, call, []), END_TO_END)
        if found.differences:
            raise CompileError(
                [
                    Diagnostic(
                        "",
                        "without its rare ways the program differs on a call that takes none of them",
                        None,
                        notes=(str(found.differences[0]), f"call {number} of the profile"),
                    )
                ]
            )


def _outcome(session: Session, net: Net, call: Example, steps: list[Step]) -> Outcome:
    inputs = bind(net.program.methods[call.method], *call.copied())

    def run() -> object:
        return Session.run_inputs(session, call.method, inputs, trace=steps, timeout=SECONDS_A_CALL)

    return outcome(run, (), {})

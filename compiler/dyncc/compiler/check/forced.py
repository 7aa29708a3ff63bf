"""Forced paths: the original program and the reference interpreter, told the same decisions.

Both sides run with the same scripted reads (see :mod:`~dyncc.compiler.check.reads`), so every edge is
compared without an input that reaches it. The interpreter runs first; what it read is replayed in eager,
which must read the same values in the same order, end in the same way, and leave its arguments and its
state alike (seen in the calls that follow). This is the check on the specializer.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from dyncc.compiler.calling import ArgumentError
from dyncc.compiler.check.compare import REFERENCE, Outcome, compare, compare_outcomes, outcome
from dyncc.compiler.check.exploration import Case, Frontier, Passed
from dyncc.compiler.check.isolation import Isolation
from dyncc.compiler.check.reads import EagerReads, Place, ReadLimitExceeded
from dyncc.compiler.check.report import Example, Mismatch, NearTie, Report, all_edges
from dyncc.compiler.check.ties import NUDGES, nudged
from dyncc.compiler.check.variations import redrawn, sequences, variations
from dyncc.compiler.reference import Interpreter, Number, Observer, StepLimitExceeded, Tensors
from dyncc.runtime.program import Compute, HostOp, Program, Span


@dataclass(frozen=True)
class Budget:
    """How long to go on. ``surplus`` cases are run beyond those needed to cover the edges."""

    cases: int = 300
    surplus: int = 16
    seconds: float = 60.0
    reads: int = 400
    steps: int = 4000
    mismatches: int = 5
    harvest: int = 3
    """Inputs kept per graph."""


@dataclass(frozen=True, slots=True)
class _ProgramRead:
    value: Number
    used: Number
    block: str
    span: Span | None


@dataclass
class _Script(Observer):
    """Answers and logs the reads of one case, notes its path, keeps inputs of graphs."""

    answers: Mapping[int, Number]
    limit: int
    report: Report
    keep: int
    log: list[_ProgramRead] = field(default_factory=list[_ProgramRead])
    path: list[Passed] = field(default_factory=list[Passed])
    current: str = ""

    def read(self, step: HostOp, value: Number) -> Number:
        if len(self.log) >= self.limit:
            raise StepLimitExceeded
        used = self.answers.get(len(self.log), value)
        self.log.append(_ProgramRead(value, used, self.current, step.span))
        return used

    def block(self, name: str) -> None:
        self.current = name

    def edge(self, source: str, index: int, target: str) -> None:
        self.path.append(Passed((source, index), len(self.log)))

    def compute(self, step: Compute, inputs: Tensors, outputs: Tensors) -> None:
        kept = self.report.harvest.setdefault(step.graph, [])
        if len(kept) < self.keep:
            kept.append(tuple(tensor.detach().clone() for tensor in inputs))


@dataclass
class ForcedPaths:
    """The check. ``originals`` are the callables that the program's methods were compiled from."""

    program: Program[torch.fx.Graph]
    weights: Mapping[str, torch.Tensor]
    originals: Mapping[str, Callable[..., Any]]
    budget: Budget = Budget()

    def __post_init__(self) -> None:
        self._isolation = Isolation(self.originals.values())
        self.report = Report(edges=all_edges(self.program))

    def run(self, examples: Sequence[Example]) -> Report:
        """Explore from ``examples``; the user's objects are afterwards as they were."""
        frontier = Frontier(self.program, self.report.covered)
        for priority, calls in enumerate(sequences(self.program, examples)):
            frontier.add(Case(calls), min(priority, 9))
        for example in examples:
            for varied in redrawn(example):
                frontier.add(Case((varied,)), 20)
            for varied in variations(self.program.methods[example.method], example):
                frontier.add(Case((varied,), varied=True), 500)
        deadline = time.monotonic() + self.budget.seconds
        surplus = self.budget.surplus
        while self.report.cases < self.budget.cases and time.monotonic() < deadline:
            covered = not self.report.uncovered
            case = frontier.pop(surplus=surplus > 0)
            if case is None or len(self.report.mismatches) >= self.budget.mismatches:
                break
            surplus -= covered
            self._run_case(case, frontier)
        return self.report

    # ------------------------------------------------------------------------------- one case

    def _run_case(self, case: Case, frontier: Frontier) -> None:
        self.report.cases += 1
        script = _Script(dict(case.answers), self.budget.reads, self.report, self.budget.harvest)
        try:
            outcomes, counts = self._run_program(case, script)
        except StepLimitExceeded:
            self.report.aborted += 1
            return
        finally:
            self._isolation.restore()
        self.report.covered |= {passed.edge for passed in script.path}
        if case.varied and any(isinstance(o.error, ArgumentError) for o in outcomes):
            return
        frontier.extend(case, [read.used for read in script.log], script.path)
        self._compare_case(case, script, outcomes, counts)

    def _run_program(self, case: Case, script: _Script) -> tuple[list[Outcome], list[int]]:
        """The outcome of every call, and the number of reads made by its end."""
        interpreter = Interpreter(self.program, self.weights, step_limit=self.budget.steps, observer=script)
        outcomes: list[Outcome] = []
        counts: list[int] = []
        for call in case.calls:
            args, kwargs = call.copied()
            result = outcome(interpreter.run, (call.method, *args), kwargs)
            if isinstance(result.error, StepLimitExceeded):
                raise result.error
            outcomes.append(Outcome(result.value, result.error, (args, kwargs)))
            counts.append(len(script.log))
        return outcomes, counts

    def _compare_case(
        self, case: Case, script: _Script, outcomes: list[Outcome], counts: list[int]
    ) -> None:
        replay = _Replay(script.log)
        with EagerReads(replay, limit=2 * self.budget.reads) as reads:
            try:
                for call, actual, count in zip(case.calls, outcomes, counts, strict=True):
                    args, kwargs = call.copied()
                    expected = outcome(self.originals[call.method], args, kwargs)
                    if not self._compare_call(case, script, expected, actual):
                        break
                    if len(reads.log) != count:
                        text = "the program reads a tensor's value here, the original does not"
                        self._mismatch(case, text, script.log[len(reads.log)])
                        break
            except ReadLimitExceeded:
                self.report.aborted += 1
        self._isolation.restore()
        self.report.folded += reads.ignored
        self._compare_reads(case, script, [read.value for read in reads.log])

    def _compare_call(self, case: Case, script: _Script, expected: Outcome, actual: Outcome) -> bool:
        comparison = compare_outcomes(expected, actual, REFERENCE)
        self.report.largest_error = max(self.report.largest_error, comparison.largest)
        if not comparison.differences:
            return True
        text = "; ".join(str(difference) for difference in comparison.differences[:3])
        block = self.program.blocks[script.current]
        self.report.mismatches.append(Mismatch(text, block.name, block.terminator.span, str(case)))
        return False

    def _mismatch(self, case: Case, text: str, read: _ProgramRead) -> None:
        self.report.mismatches.append(Mismatch(text, read.block, read.span, str(case)))

    # ----------------------------------------------------------------------------------- reads

    def _compare_reads(self, case: Case, script: _Script, values: list[Number]) -> None:
        """Compare what both sides read, before they were told otherwise; the first difference counts."""
        for position, (read, value) in enumerate(zip(script.log, values, strict=False)):
            comparison = compare(value, read.value, REFERENCE, "this value")
            self.report.largest_error = max(self.report.largest_error, comparison.largest)
            if not comparison.differences:
                continue
            if self._is_near_tie(case, script, position, value):
                text = f"{value} in the original, {read.value} in the program"
                self.report.near_ties.append(NearTie(text, read.span))
                continue
            self._mismatch(case, str(comparison.differences[0]), read)
            return

    def _is_near_tie(self, case: Case, script: _Script, position: int, value: Number) -> bool:
        """Whether a tiny change of the arguments changes what the original reads at ``position``."""
        for factor in NUDGES:
            with EagerReads(_Replay(script.log), limit=2 * self.budget.reads) as reads:
                try:
                    for call in case.calls:
                        args, kwargs = nudged(call.copied(), factor)
                        outcome(self.originals[call.method], args, kwargs)
                except ReadLimitExceeded:
                    pass
            self._isolation.restore()
            if len(reads.log) > position and reads.log[position].value != value:
                return True
        return False


class _Replay:
    """The answers that make eager follow the path of a program's run.

    A read of eager belongs to the next one of the program if it is at the same expression and gives the
    same kind of number; other reads the program has decided when it was compiled.
    """

    def __init__(self, log: list[_ProgramRead]) -> None:
        self._remaining = deque(log)

    def __call__(self, value: Number, place: Place) -> Number | None:
        if not self._remaining:
            return None
        read = self._remaining[0]
        if type(read.value) is not type(value) or not (read.span is None or place.matches(read.span)):
            return None
        self._remaining.popleft()
        return read.used


def check_forced(
    program: Program[torch.fx.Graph],
    weights: Mapping[str, torch.Tensor],
    originals: Mapping[str, Callable[..., Any]],
    examples: Sequence[Example],
    budget: Budget | None = None,
) -> Report:
    """Compare every edge that can be reached by scripting decisions. See :class:`ForcedPaths`."""
    return ForcedPaths(program, weights, originals, budget or Budget()).run(examples)

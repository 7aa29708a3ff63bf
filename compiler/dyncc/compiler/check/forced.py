"""Forced paths: the original program and the reference interpreter, told the same decisions.

Both sides run with the same scripted reads (see :mod:`~dyncc.compiler.check.reads`), so every edge is
compared without an input that reaches it. The interpreter runs first; what it read is replayed in eager,
which must read the same values in the same order, end in the same way, and leave its arguments and its
state alike (seen in the calls that follow). This is the check on the specializer.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from dyncc.compiler.calling import ArgumentError
from dyncc.compiler.check.compare import REFERENCE, Outcome, compare, compare_outcomes, outcome
from dyncc.compiler.check.deciding import Reads
from dyncc.compiler.check.definitions import has_definitions
from dyncc.compiler.check.exploration import Case, Frontier, Passed
from dyncc.compiler.check.isolation import Isolation
from dyncc.compiler.check.possible import possible_edges
from dyncc.compiler.check.replay import (
    Original,
    Policy,
    ProgramRead,
    Replayed,
    by_place,
    by_value,
    other_policies,
)
from dyncc.compiler.check.report import Example, Mismatch, NearTie, Report
from dyncc.compiler.check.ties import NUDGES
from dyncc.compiler.check.variations import (
    mentioned,
    redrawn,
    regrouped,
    renumbered,
    resized_sequences,
    sequences,
    variations,
)
from dyncc.compiler.reference import Interpreter, Number, Observer, StepLimitExceeded, Tensors
from dyncc.runtime.noise import Noise
from dyncc.runtime.program import Compute, HostOp, Program, Span
from dyncc.runtime.wellformed import draws

_REGROUPED = 2
"""Examples that are varied further for ways that were not taken."""
_RENUMBERED = 4
"""Calls with other numbers of which the tensors are varied as well."""


@dataclass(frozen=True)
class Budget:
    """How long to go on. ``surplus`` cases are run beyond those needed to cover the edges."""

    cases: int = 300
    surplus: int = 16
    patience: int = 100
    """After so many cases in a row that took no new edge, no further decisions are scripted."""
    seconds: float = 60.0
    reads: int = 400
    steps: int = 4000
    mismatches: int = 5
    harvest: int = 3
    """Inputs kept per graph."""


@dataclass
class _Script(Observer):
    """Answers and logs the reads of one case, notes its path, keeps inputs of graphs."""

    answers: Mapping[int, Number]
    limit: int
    report: Report
    keep: int
    inside: frozenset[Span] = frozenset()
    unseen: frozenset[Span] = frozenset()
    log: list[ProgramRead] = field(default_factory=list[ProgramRead])
    path: list[Passed] = field(default_factory=list[Passed])
    current: str = ""
    seed: int = 0
    """Of the random numbers that both sides draw."""

    def read(self, step: HostOp, value: Number) -> Number:
        if len(self.log) >= self.limit:
            raise StepLimitExceeded
        if step.span in self.unseen:
            return value
        if step.span in self.inside:
            # a graph goes on with the number as it is in the tensor: another one cannot be put there
            self.log.append(ProgramRead(value, value, self.current, step.span, known=True))
            return value
        used = self.answers.get(self.next_read(), value)
        if type(used) is not type(value):  # meant for another read: the way there was a near tie
            used = value
        self.log.append(ProgramRead(value, used, self.current, step.span))
        return used

    def next_read(self) -> int:
        """The number of the next read, as ``answers`` count them."""
        return len(self.log)

    def static_read(self, step: HostOp, value: Number) -> None:
        if len(self.log) >= self.limit:
            raise StepLimitExceeded
        if step.span not in self.unseen:
            self.log.append(ProgramRead(value, value, self.current, step.span, known=True))

    def block(self, name: str) -> None:
        self.current = name

    def edge(self, source: str, index: int, target: str) -> None:
        self.path.append(Passed((source, index), len(self.log)))

    def compute(self, step: Compute, inputs: Tensors, outputs: Tensors) -> None:
        kept = self.report.harvest.setdefault(step.graph, [])
        if len(kept) < self.keep:
            kept.append(tuple(tensor.detach().clone() for tensor in inputs))


@dataclass
class _AsBefore(_Script):
    """For the program before the passes: ``answers`` are to its reads without those that are marked."""

    marked: set[int] = field(default_factory=set[int])
    """Where these are in the log."""

    def next_read(self) -> int:
        return len(self.log) - len(self.marked)

    def static_read(self, step: HostOp, value: Number) -> None:
        before = len(self.log)
        super().static_read(step, value)
        self.marked.update(range(before, len(self.log)))

    def unmarked(self, count: int) -> int:
        """How many of the first ``count`` reads are not marked."""
        return count - sum(place < count for place in self.marked)


@dataclass
class _Run:
    """What the program did: for every call its outcome, the reads made by its end, its last block."""

    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    counts: list[int] = field(default_factory=list[int])
    blocks: list[str] = field(default_factory=list[str])
    broken: bool = False
    """Whether an operation that failed ended the last call: it wrote nothing, eager what came before."""


@dataclass
class _Finding:
    mismatch: Mismatch | None = None
    near_ties: list[NearTie] = field(default_factory=list[NearTie])
    largest: float = 0.0


@dataclass
class ForcedPaths:
    """The check. ``originals`` are the callables that the program's methods were compiled from."""

    program: Program[torch.fx.Graph]
    weights: Mapping[str, torch.Tensor]
    originals: Mapping[str, Callable[..., Any]]
    budget: Budget = Budget()
    inside: frozenset[Span] = frozenset()
    """Reads that cannot be scripted, by their place (of ``Recorded``)."""
    unseen: frozenset[Span] = frozenset()
    """Those that the original makes where nothing shows them."""
    recorded: Program[torch.fx.Graph] | None = None
    """What passes made the program from, checked before, with the marks of reads that are known in it."""

    def __post_init__(self) -> None:
        isolation = Isolation(self.originals.values())
        self._original = Original(
            self.originals,
            isolation,
            2 * self.budget.reads,
            draws(self.program),
            has_definitions(self.program),
        )
        self.report = Report(edges=possible_edges(self.program))

    def run(self, examples: Sequence[Example]) -> Report:
        """Explore from ``examples``; the user's objects are afterwards as they were."""
        frontier = Frontier(self.program, self.report.covered)
        seeds, numbers = itertools.count(1), mentioned(self.program)
        for priority, calls in enumerate(sequences(self.program, examples)):
            frontier.add(Case(calls, seed=next(seeds)), min(priority, 9))
        for example in examples:
            for varied in redrawn(example):
                frontier.add(Case((varied,), seed=next(seeds)), 20)
            for varied in variations(self.program.methods[example.method], example, numbers):
                frontier.add(Case((varied,), varied=True, seed=next(seeds)), 500)
            for calls in resized_sequences(self.program, example):
                frontier.add(Case(calls, varied=True, seed=next(seeds)), 501)
        deadline = time.monotonic() + self.budget.seconds
        surplus, waited, sought = self.budget.surplus, 0, False
        while not self._stopped(deadline):
            covered = not self.report.uncovered
            case = frontier.pop(surplus=surplus > 0)
            if case is None and not sought and self.report.uncovered:
                sought = True
                for varied in self._further(examples, numbers):
                    frontier.add(Case((varied,), varied=True, seed=next(seeds)), 600)
                continue
            if case is None or len(self.report.mismatches) >= self.budget.mismatches:
                break
            if case.answers and waited >= self.budget.patience:
                continue
            surplus -= covered
            known = len(self.report.covered)
            self._run_case(case, frontier)
            waited = 0 if len(self.report.covered) > known else waited + 1
        return self.report

    def _further(self, examples: Sequence[Example], numbers: Sequence[int]) -> Iterator[Example]:
        """Calls for ways that no other takes: numbers and tensors varied together, rows regrouped."""
        for example in examples[:_REGROUPED]:
            method = self.program.methods[example.method]
            others = renumbered(method, example, numbers)[:_RENUMBERED]
            yield from itertools.chain(*map(redrawn, others))
            if self._decides_on_sizes():
                yield from itertools.chain(*map(regrouped, (example, *others)))

    def _decides_on_sizes(self) -> bool:
        """Whether no case took a way of a decision on a tensor's size: data may decide that."""
        sizes, blocks = Reads(self.program, "dim"), self.program.blocks
        return any(sizes.deciding(blocks[name]) for name, _ in self.report.uncovered)

    def _stopped(self, deadline: float) -> bool:
        self.report.stopped = self.report.cases >= self.budget.cases or time.monotonic() >= deadline
        return self.report.stopped

    # ------------------------------------------------------------------------------- one case

    def _run_case(self, case: Case, frontier: Frontier) -> None:
        self.report.cases += 1
        script = _Script(
            dict(case.answers),
            self.budget.reads,
            self.report,
            self.budget.harvest,
            self.inside,
            self.unseen,
            seed=case.seed,
        )
        try:
            run = self._run_program(self.program, case, script)
        except StepLimitExceeded:
            self.report.aborted += 1
            return
        self.report.covered |= {passed.edge for passed in script.path}
        if case.varied and any(isinstance(o.error, ArgumentError) for o in run.outcomes):
            return
        frontier.extend(case, [None if read.known else read.used for read in script.log], script.path)
        self._compare_case(case, script, run)

    def _run_program(self, program: Program[torch.fx.Graph], case: Case, script: _Script) -> _Run:
        interpreter = Interpreter(
            program,
            self.weights,
            step_limit=self.budget.steps,
            observer=script,
            noise=Noise(script.seed),
        )
        run = _Run()
        for call in case.calls:
            args, kwargs = call.copied()
            result = outcome(interpreter.run, (call.method, *args), kwargs)
            if isinstance(result.error, StepLimitExceeded):
                raise result.error
            run.outcomes.append(Outcome(result.value, result.error, (args, kwargs)))
            run.counts.append(len(script.log))
            run.blocks.append(script.current)
            run.broken = result.error is not None and not interpreter.left
            if run.broken:
                break
        return run

    def _compare_case(self, case: Case, script: _Script, run: _Run) -> None:
        finding, replayed = self._aligned(case, script, run)
        if replayed.exceeded:
            self.report.aborted += 1
            return
        if finding.mismatch:
            finding = self._before_passes(case, script, run) or finding
        if finding.mismatch:
            self.report.mismatches.append(finding.mismatch)
        self.report.near_ties += finding.near_ties
        self.report.largest_error = max(self.report.largest_error, finding.largest)
        self.report.folded += replayed.folded

    def _aligned(self, case: Case, script: _Script, run: _Run) -> tuple[_Finding, Replayed]:
        """Compare both sides, their reads aligned by the first policy that shows no difference."""
        finding, replayed = self._attempt(case, script, run, by_value)
        worst = finding.mismatch
        for policy in other_policies(replayed.candidates) if worst and not replayed.exceeded else ():
            finding, other = self._attempt(case, script, run, policy)
            if not finding.mismatch:
                return finding, other
            if policy is by_place:
                worst = finding.mismatch
        finding.mismatch = worst
        return finding, replayed

    def _before_passes(self, case: Case, script: _Script, run: _Run) -> _Finding | None:
        """What is found of the program before the passes, where it does the same on this path.

        Which of eager's reads those of the program are may be unclear (:mod:`~.replay`), since it has no
        marks of the reads that were known before the passes. The program before them has, and otherwise
        reads the same in the same order.
        """
        if self.recorded is None:
            return None
        answers = {number: read.used for number, read in enumerate(script.log) if not read.known}
        told = _AsBefore(
            answers, self.budget.reads, Report(), 0, self.inside, self.unseen, seed=script.seed
        )
        try:
            before = self._run_program(self.recorded, case, told)
        except StepLimitExceeded:
            return None
        read = [each.value for place, each in enumerate(told.log) if place not in told.marked]
        now = [each.value for each in script.log]
        if [*map(told.unmarked, before.counts)] != run.counts or compare(read, now, REFERENCE).differences:
            return None
        pairs = zip(before.outcomes, run.outcomes, strict=True)
        if any(compare_outcomes(one, other, REFERENCE).differences for one, other in pairs):
            return None
        finding, replayed = self._aligned(case, told, before)
        return None if replayed.exceeded else finding

    def _attempt(self, case: Case, script: _Script, run: _Run, policy: Policy) -> tuple[_Finding, Replayed]:
        """Compare both sides, their reads aligned by ``policy``."""
        finding = _Finding()

        def judge(position: int, expected: Outcome, matched: int) -> bool:
            actual = run.outcomes[position]
            last = run.broken and position == len(run.outcomes) - 1
            if last and expected.error is not None:
                expected, actual = Outcome(error=expected.error), Outcome(error=actual.error)
            comparison = compare_outcomes(expected, actual, REFERENCE)
            finding.largest = max(finding.largest, comparison.largest)
            if comparison.differences:
                text = "; ".join(str(difference) for difference in comparison.differences[:3])
                block = run.blocks[position]
                span = self.program.blocks[block].terminator.span if block else None
                finding.mismatch = Mismatch(text, block, span, str(case))
            elif matched != run.counts[position]:
                finding.mismatch = _unmatched(case, script.log, matched, run.counts[position])
            return not finding.mismatch and not last

        replayed = self._original.replay(case.calls, script.log, policy, script.seed, judge=judge)
        if replayed.exceeded and not finding.mismatch:
            finding.mismatch = Mismatch("the original reads on and on", case=str(case))
        self._compare_reads(case, script, replayed, finding)
        return finding, replayed

    def _compare_reads(self, case: Case, script: _Script, replayed: Replayed, finding: _Finding) -> None:
        """Compare what both sides read, before they were told otherwise; the first difference counts."""
        for position, (read, value) in enumerate(zip(script.log, replayed.values, strict=False)):
            comparison = compare(value, read.value, REFERENCE, "this value")
            finding.largest = max(finding.largest, comparison.largest)
            if not comparison.differences:
                continue
            if self._is_near_tie(case, script, position, value):
                text = f"{value} in the original, {read.value} in the program"
                finding.near_ties.append(NearTie(text, read.span))
                continue
            text = str(comparison.differences[0])
            finding.mismatch = Mismatch(text, read.block, read.span, str(case))
            return

    def _is_near_tie(self, case: Case, script: _Script, position: int, value: Number) -> bool:
        """Whether a tiny change of the arguments changes what the original reads at ``position``."""
        for factor in NUDGES:
            replayed = self._original.replay(case.calls, script.log, by_place, script.seed, factor)
            values = replayed.values
            if len(values) > position and values[position] != value:
                return True
        return False


def _unmatched(case: Case, log: Sequence[ProgramRead], matched: int, count: int) -> Mismatch:
    """One side reads where the other does not: ``matched`` reads of eager, ``count`` of the program."""
    read = log[min(matched, count)] if min(matched, count) < len(log) else None
    more, less = ("program", "original") if matched < count else ("original", "program")
    text = f"the {more} reads a tensor's value here, the {less} does not"
    return Mismatch(text, read.block if read else "", read.span if read else None, str(case))


def check_forced(
    program: Program[torch.fx.Graph],
    weights: Mapping[str, torch.Tensor],
    originals: Mapping[str, Callable[..., Any]],
    examples: Sequence[Example],
    budget: Budget | None = None,
    inside: frozenset[Span] = frozenset(),
    unseen: frozenset[Span] = frozenset(),
    recorded: Program[torch.fx.Graph] | None = None,
) -> Report:
    """Compare every edge that can be reached by scripting decisions. See :class:`ForcedPaths`."""
    paths = ForcedPaths(program, weights, originals, budget or Budget(), inside, unseen, recorded)
    return paths.run(examples)

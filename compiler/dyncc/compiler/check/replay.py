"""The original program in eager, told what the compiled program read.

Which read of eager is which of the program's is not obvious: a read whose value was known at compile time
is none of the program's, though it may be made by the same expression as one that is (a helper called with
a buffer, then with an activation). Reads are matched by place, kind and value; where the two sides then
differ, other alignments are tried, and the program is right if one of them holds.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dyncc.compiler.check.compare import REFERENCE, Outcome, compare, outcome
from dyncc.compiler.check.definitions import defined
from dyncc.compiler.check.isolation import Isolation
from dyncc.compiler.check.reads import EagerReads, Place, ReadLimitExceeded
from dyncc.compiler.check.report import Example
from dyncc.compiler.check.ties import nudged
from dyncc.compiler.noise import drawing
from dyncc.compiler.reference import Number
from dyncc.runtime.program import Span

_MOST_FLIPS = 8


@dataclass(frozen=True, slots=True)
class ProgramRead:
    """A read of the program: the value, what it was told instead, where."""

    value: Number
    used: Number
    block: str
    span: Span | None
    known: bool = False
    """Whether the program was compiled with the value (``static_read``): it cannot be told another."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A read of eager that may be the program's next: both are of the same place and kind."""

    number: int
    """How many candidates there were before."""
    place: Span | None
    turn: int
    """How many of them were at this place."""
    agrees: bool
    """Whether the values are equal."""


Policy: TypeAlias = "Callable[[Candidate], bool]"
"""Whether a candidate is the program's read."""


def by_value(candidate: Candidate) -> bool:
    """The first policy to be tried."""
    return candidate.agrees


def by_place(candidate: Candidate) -> bool:
    """Shows a wrong value as such, and finds near ties."""
    return True


def other_policies(candidates: Sequence[Candidate]) -> Iterator[Policy]:
    """Further policies, given the candidates met when aligning by value.

    At a place that alternates between known and unknown values every other one is left out, at one whose
    first values were known (the first turns of a loop over what is fixed) those; else one.
    """
    yield by_place
    counts = collections.Counter(candidate.place for candidate in candidates)
    for place in [place for place, count in counts.items() if count > 1][:_MOST_FLIPS]:
        for parity in (0, 1):
            yield (
                lambda c, place=place, parity=parity: c.agrees if c.place != place else c.turn % 2 == parity
            )
    for place in list(counts)[:_MOST_FLIPS]:
        for known in range(1, _MOST_FLIPS):  # there may be more of them on another way than on this
            yield lambda c, place=place, known=known: c.agrees and (c.place != place or c.turn >= known)
    for number in range(min(len(candidates), _MOST_FLIPS)):
        yield lambda c, number=number: c.agrees != (c.number == number)


@dataclass
class Replay:
    """Answers for :class:`EagerReads` that make eager follow the path of a program's run."""

    log: Sequence[ProgramRead]
    policy: Policy = by_value
    candidates: list[Candidate] = field(default_factory=list[Candidate])
    matched: int = 0

    def __call__(self, value: Number, place: Place) -> Number | None:
        if self.matched >= len(self.log):
            return None
        read = self.log[self.matched]
        if type(read.value) is not type(value) or not (read.span is None or place.matches(read.span)):
            return None
        turn = sum(candidate.place == read.span for candidate in self.candidates)
        agrees = not compare(value, read.value, REFERENCE).differences
        candidate = Candidate(len(self.candidates), read.span, turn, agrees)
        self.candidates.append(candidate)
        if not self.policy(candidate):
            return None
        self.matched += 1
        return read.used


@dataclass
class Replayed:
    """What eager did, apart from the outcomes of its calls."""

    candidates: list[Candidate]
    values: list[Number] = field(default_factory=list[Number])
    """What the matched reads gave, before they were answered."""
    folded: int = 0
    exceeded: bool = False
    """Whether eager read so often that it was stopped."""


@dataclass(frozen=True)
class Original:
    """The callables that a program was compiled from, and the state to which they go back."""

    methods: Mapping[str, Callable[..., Any]]
    isolation: Isolation
    limit: int
    draws: bool = False
    """Whether the program draws random numbers, which eager is then given, too."""
    defines: bool = False
    """Whether it has functions that raise on data by our definitions, which eager is then given, too."""

    def replay(
        self,
        calls: Sequence[Example],
        log: Sequence[ProgramRead],
        policy: Policy,
        seed: int = 0,
        factor: float = 1.0,
        judge: Callable[[int, Outcome, int], bool] = lambda *_: True,
    ) -> Replayed:
        """Make ``calls`` in eager, following ``log``; ``factor`` scales their floating-point arguments, and
        ``seed`` is that of the random numbers.

        After each call ``judge`` is given its position, its outcome and the number of reads matched so
        far, and says whether to go on. It must not keep the outcome, which may be part of the state that
        is then restored.
        """
        answers = Replay(log, policy)
        result = Replayed(answers.candidates)
        reads = EagerReads(answers, limit=self.limit)
        try:
            with drawing(seed) if self.draws else nullcontext(), defined(self.defines), reads:
                for position, call in enumerate(calls):
                    args, kwargs = nudged(call.copied(), factor) if factor != 1.0 else call.copied()
                    if not judge(
                        position, outcome(self.methods[call.method], args, kwargs), len(reads.log)
                    ):
                        break
        except ReadLimitExceeded:
            result.exceeded = True
        finally:
            self.isolation.restore()  # which reads, too
        result.values = [read.value for read in reads.log]
        result.folded = reads.ignored
        return result

"""Which cases to run: decisions are flipped along known paths until every edge has been taken.

As in concolic testing, but without a solver: a scripted read may be given any value, so a path is
reached by answering the reads on the way to it. A run shows which branches it passed and how many reads
it had made by then; an edge beside its path is tried by changing one of the last reads before it.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dyncc.compiler.check.report import Edge, Example
from dyncc.compiler.reference import Number
from dyncc.runtime.program import Block, Const, HostOp, Program, Switch, successors

_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
_REACH = 6
"""How many reads before a branch are tried."""
_SURPLUS = 1000
"""Priority of cases that aim at no edge in particular."""


@dataclass(frozen=True)
class Case:
    """Calls on one session; the answers to some of their reads, by position over all calls."""

    calls: tuple[Example, ...]
    answers: tuple[tuple[int, Number], ...] = ()
    varied: bool = False
    """Whether the arguments are variations that the compiled signature may reject."""
    seed: int = 0
    """Of the random numbers: with others, the reads would not be those that the answers are for."""

    def __str__(self) -> str:
        calls = ", ".join(call.method for call in self.calls)
        if not self.answers:
            return f"with the example arguments of {calls}"
        answers = ", ".join(f"read {position} forced to {value}" for position, value in self.answers)
        return f"with the example arguments of {calls}, {answers}"


@dataclass(frozen=True, slots=True)
class Passed:
    """A branch on a path: the edge taken there, and the number of reads made until then."""

    edge: Edge
    reads: int


@dataclass
class Frontier:
    """The cases still to be run, those that aim at an uncovered edge first."""

    program: Program[Any]
    covered: set[Edge]
    _queue: list[tuple[int, int, Edge | None, Case]] = field(
        default_factory=list["tuple[int, int, Edge | None, Case]"]
    )
    _known: dict[Any, Case] = field(default_factory=dict[Any, Case])
    """By what makes a case: its calls, which are kept, since another object would be at their address."""
    _order: Iterator[int] = field(default_factory=itertools.count)

    def add(self, case: Case, priority: int, target: Edge | None = None) -> None:
        """Queue ``case`` unless it was queued before."""
        key = (tuple(map(id, case.calls)), case.answers)
        if key not in self._known:
            self._known[key] = case
            heapq.heappush(self._queue, (priority, next(self._order), target, case))

    def pop(self, surplus: bool) -> Case | None:
        """The next case; without ``surplus`` only one whose target is still uncovered (or an example)."""
        while self._queue:
            priority, _, target, case = heapq.heappop(self._queue)
            if priority < _SURPLUS and target in self.covered:
                # The way there is known by now; as a variation it is still worth a run.
                heapq.heappush(self._queue, (priority + _SURPLUS, next(self._order), target, case))
                continue
            return case if priority < _SURPLUS or surplus else None
        return None

    def extend(self, case: Case, values: list[Number | None], path: list[Passed]) -> None:
        """Queue what the run of ``case`` leads on to.

        ``values`` are the answers that its reads were given, None where they cannot be answered.
        """
        forced = case.answers[-1][0] if case.answers else -1
        for passed in path:
            name, taken = passed.edge
            block = self.program.blocks[name]
            siblings = [i for i in range(len(successors(block.terminator))) if i != taken]
            before = [(i, v) for i, v in enumerate(values[: passed.reads]) if v is not None][-_REACH:]
            for index in siblings:
                target = (name, index)
                for distance, (position, value) in enumerate(reversed(before), 1):
                    late = _SURPLUS if target in self.covered or position <= forced else 0
                    for other in alternatives(value, block, index):
                        kept = tuple(answer for answer in case.answers if answer[0] < position)
                        following = replace(case, answers=(*kept, (position, other)))
                        self.add(following, late + 10 * distance + len(kept), target)


def alternatives(value: Number, block: Block, index: int) -> list[Number]:
    """Other answers for a read of ``value``, to make ``block`` take its edge ``index``."""
    if isinstance(value, bool):
        return [not value]
    constants = _constants(block)
    if isinstance(block.terminator, Switch):
        values = block.terminator.values
        constants = [values[index]] if index < len(values) else [max((*values, 0)) + 1]
    if isinstance(value, int):
        found: list[Number] = [*(int(c) + d for c in constants for d in (0, 1, -1)), value + 1, value - 1]
        found += [0, -value, value + 7]
    else:
        found = [*(float(c) + d for c in constants for d in (0.5, -0.5)), -value, 0.0]
        found += [value + 10.0, value - 10.0]
    distinct = dict.fromkeys(found)
    distinct.pop(value, None)
    return list(distinct)[:6]


def _constants(block: Block) -> list[float]:
    """The numbers that the host compares with in ``block``."""
    return [
        operand.value
        for step in block.steps
        if isinstance(step, HostOp) and step.op in _COMPARISONS
        for operand in step.operands
        if isinstance(operand, Const)
        and isinstance(operand.value, (int, float))
        and math.isfinite(operand.value)
    ]

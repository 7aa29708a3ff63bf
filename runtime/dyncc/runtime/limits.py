"""The path of a call: recorded, and bounded in steps and time.

A step is an edge taken: the way into the program, then one for each block that is entered after that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import field
from typing import Any, NamedTuple

from dyncc.runtime import program as p
from dyncc.runtime.errors import StepLimit, Timeout
from dyncc.runtime.records import record


class Step(NamedTuple):
    """An edge that a call took: from ``block`` (empty: the way in) its ``edge``-th way, to ``target``."""

    block: str
    edge: int
    target: str


@record
class Path:
    """Collects the steps of calls: ``net(x, trace=path)``."""

    steps: list[Step] = field(default_factory=list[Step])

    def __call__(self, step: Step) -> None:
        self.steps.append(step)

    @property
    def blocks(self) -> list[str]:
        """The blocks that were entered, in order."""
        return [step.target for step in self.steps]

    def decisions(self, program: p.Program[Any]) -> list[tuple[str, int]]:
        """The decisions: (block, which way), for each block that had a choice."""
        return [
            (step.block, step.edge)
            for step in self.steps
            if step.block and len(p.successors(program.blocks[step.block].terminator)) > 1
        ]


class Watch:
    """What a traced host calls on each edge: counts, looks at the clock, reports."""

    def __init__(
        self,
        method: str,
        program: p.Program[Any],
        max_steps: int | None,
        timeout: float | None,
        report: Callable[[Step], Any] | None,
    ) -> None:
        self.method = method
        self.program = program
        self.max_steps = max_steps
        self.timeout = timeout
        self.report = report
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.count = 0

    def __call__(self, block: str, edge: int, target: str) -> None:
        self.count += 1
        if self.max_steps is not None and self.count > self.max_steps:
            raise StepLimit(
                f"{self.method}() took more than {self.max_steps} steps; the next would have been "
                f"{self._place(target)}: pass a larger max_steps=, or look for a loop that does not end"
            )
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise Timeout(
                f"{self.method}() took longer than {self.timeout} s ({self.count} steps); it was at "
                f"{self._place(target)}"
            )
        if self.report is not None:
            self.report(Step(block, edge, target))

    def _place(self, block: str) -> str:
        note = self.program.blocks[block].note
        return f"{block} ({note})" if note else block

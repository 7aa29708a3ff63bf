"""What calls do: which ways between blocks they take, and how much of the program they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dyncc.compiler.calling import bind
from dyncc.compiler.check.report import Example
from dyncc.compiler.report.facts import Spread
from dyncc.runtime.limits import Step
from dyncc.runtime.net import Net
from dyncc.runtime.program import Raise
from dyncc.runtime.session import Session

SECONDS_A_CALL = 60.0


@dataclass
class Observed:
    """The calls of one source of inputs. ``entered`` and ``taken`` count over all of them."""

    label: str
    calls: int = 0
    raised: int = 0
    failed: int = 0
    entered: Counter[str] = field(default_factory=Counter[str])
    taken: Counter[tuple[str, int]] = field(default_factory=Counter["tuple[str, int]"])
    visits: Counter[tuple[tuple[str, int], ...]] = field(
        default_factory=Counter["tuple[tuple[str, int], ...]"]
    )
    """How many calls entered these blocks so often."""

    def add(self, steps: Sequence[Step]) -> None:
        self.taken.update((step.block, step.edge) for step in steps if step.block)
        entered = Counter(step.target for step in steps)
        self.entered.update(entered)
        self.visits[tuple(sorted(entered.items()))] += 1

    def different_blocks(self) -> Spread:
        return _spread({path: len(path) for path in self.visits}, self.visits)

    def flops(self, cost: Mapping[str, int]) -> Spread:
        works = {path: sum(cost[name] * count for name, count in path) for path in self.visits}
        return _spread(works, self.visits)


def _spread(
    values: Mapping[tuple[tuple[str, int], ...], int], weights: Mapping[tuple[tuple[str, int], ...], int]
) -> Spread:
    total = sum(weights.values())
    mean = sum(value * weights[path] for path, value in values.items()) / total if total else 0.0
    return Spread(min(values.values(), default=0), mean, max(values.values(), default=0))


def observe(net: Net, calls: Sequence[Example], label: str) -> Observed:
    """Run ``calls`` on ``net`` and count. With state they follow one another in one session.

    A call that the engine cannot run, or that takes longer than a minute, is counted as failed, with the
    ways that it took. Raises ArgumentError for a call that is none of the program.
    """
    program = net.program
    seen = Observed(label)
    stateful = len(program.states) > 1 or any(state.cells for state in program.states)
    session = Session(net._machine)
    for call in calls:
        inputs = bind(program.methods[call.method], *call.copied())
        steps: list[Step] = []
        try:
            Session.run_inputs(
                session if stateful else Session(net._machine),
                call.method,
                inputs,
                trace=steps,
                timeout=SECONDS_A_CALL,
            )
        except Exception:
            end = program.blocks[steps[-1].target].terminator if steps else None
            seen.raised += isinstance(end, Raise)
            seen.failed += not isinstance(end, Raise)
        seen.calls += 1
        seen.add(steps)
    return seen

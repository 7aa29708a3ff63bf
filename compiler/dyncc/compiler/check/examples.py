"""Examples: the whole bundle, as its user calls it, against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from dyncc.compiler.check.compare import END_TO_END, Outcome, Tolerances, compare_outcomes, outcome
from dyncc.compiler.check.isolation import Isolation
from dyncc.compiler.check.report import Example, Mismatch, NearTie, Report
from dyncc.compiler.check.ties import NUDGES, nudged


class Compiled(Protocol):
    """What is checked: a session of a loaded bundle, say."""

    def call(self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call a method with torch tensors; torch tensors are returned."""
        ...

    def reset(self) -> None:
        """Go back to the state in which the program was compiled."""
        ...


def check_examples(
    compiled: Compiled,
    originals: Mapping[str, Callable[..., Any]],
    examples: Sequence[Example],
    tolerances: Tolerances = END_TO_END,
) -> Report:
    """Call both sides with the examples: each on its own, then all in turn on one session."""
    report = Report()
    isolation = Isolation(originals.values())
    sessions = [[example] for example in examples]
    if len(examples) > 1:
        sessions.append(list(examples))
    for calls in sessions:
        compiled.reset()
        actual = [_call_compiled(compiled, call) for call in calls]
        expected = _call_originals(originals, calls)
        isolation.restore()
        report.cases += 1
        for position, (left, right) in enumerate(zip(expected, actual, strict=True)):
            comparison = compare_outcomes(left, right, tolerances)
            report.largest_error = max(report.largest_error, comparison.largest)
            if not comparison.differences:
                continue
            text = "; ".join(str(difference) for difference in comparison.differences[:3])
            if _is_near_tie(originals, isolation, calls, position, left, tolerances):
                report.near_ties.append(NearTie(text))
            else:
                name = f"call {position + 1} of {len(calls)} with the examples: `{calls[position].method}`"
                report.mismatches.append(Mismatch(text, case=name))
            # After a difference the two sessions may have different states.
            break
    compiled.reset()
    return report


def _call_compiled(compiled: Compiled, call: Example) -> Outcome:
    args, kwargs = call.copied()
    result = outcome(compiled.call, (call.method, args, kwargs), {})
    return Outcome(result.value, result.error, (args, kwargs))


def _call_originals(
    originals: Mapping[str, Callable[..., Any]], calls: Sequence[Example], factor: float = 1.0
) -> list[Outcome]:
    found: list[Outcome] = []
    for call in calls:
        args, kwargs = call.copied()
        args, kwargs = nudged((args, kwargs), factor) if factor != 1.0 else (args, kwargs)
        found.append(outcome(originals[call.method], args, kwargs))
    return found


def _is_near_tie(
    originals: Mapping[str, Callable[..., Any]],
    isolation: Isolation,
    calls: Sequence[Example],
    position: int,
    expected: Outcome,
    tolerances: Tolerances,
) -> bool:
    """Whether a tiny change of the arguments changes what the original gives by more than the tolerance."""
    for factor in NUDGES:
        nudged = _call_originals(originals, calls, factor)[position]
        isolation.restore()
        left = Outcome(expected.value, expected.error)
        if compare_outcomes(left, Outcome(nudged.value, nudged.error), tolerances).differences:
            return True
    return False

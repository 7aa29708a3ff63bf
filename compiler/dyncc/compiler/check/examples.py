"""Examples: the whole bundle, as its user calls it, against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Protocol

from dyncc.compiler.check.compare import END_TO_END, Outcome, Tolerances, compare_outcomes, outcome
from dyncc.compiler.check.isolation import Isolation
from dyncc.compiler.check.reads import EagerReads, Place
from dyncc.compiler.check.report import Example, Mismatch, NearTie, Report
from dyncc.compiler.check.ties import NUDGES, nudged
from dyncc.compiler.noise import Drawing, drawing
from dyncc.compiler.reference import Number
from dyncc.runtime.examples import EXAMPLES_SEED
from dyncc.runtime.noise import Noise

_NEARLY_ZERO = 1e-5


class Compiled(Protocol):
    """What is checked: a session of a loaded bundle, say."""

    def call(self, method: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call a method with torch tensors; torch tensors are returned."""
        ...

    def seed(self, seed: int | None) -> None:
        """Draw the random numbers of ``seed`` from the next reset on."""
        ...

    def reset(self) -> None:
        """Go back to the state in which the program was compiled."""
        ...


def check_examples(
    compiled: Compiled,
    originals: Mapping[str, Callable[..., Any]],
    examples: Sequence[Example],
    tolerances: Tolerances = END_TO_END,
    draws: bool = False,
    factors: Sequence[float] = NUDGES,
) -> Report:
    """Call both sides with the examples: each on its own, then all in turn on one session.

    ``draws``: both draw random numbers, and are given the same. ``factors`` say how far off a decision may
    be (:mod:`~dyncc.compiler.check.ties`).
    """
    report = Report()
    isolation = Isolation(originals.values())
    sessions = [[example] for example in examples]
    if len(examples) > 1:
        sessions.append(list(examples))
    for calls in sessions:
        report.cases += 1
        if draws:
            compiled.seed(EXAMPLES_SEED)
        compiled.reset()
        actual = [_call(compiled.call, call) for call in calls]
        drawn = Drawing(Noise(EXAMPLES_SEED)) if draws else nullcontext()
        # Compared call by call: a result may be part of the state that the next call changes.
        for position, call in enumerate(calls):
            with drawn:
                expected = _call(_caller(originals), call)
            if expected.error is not None and len(calls) == 1:
                report.raised.append(f"{type(expected.error).__name__}: {expected.error}")
            comparison = compare_outcomes(expected, actual[position], tolerances)
            report.largest_error = max(report.largest_error, comparison.largest)
            if not comparison.differences:
                if expected.failed:
                    break  # the program's state is as it was before, eager's what it had made of it
                continue
            isolation.restore()
            text = "; ".join(str(difference) for difference in comparison.differences[:3])
            before = calls[: position + 1]
            if _is_near_tie(originals, isolation, before, actual[position], tolerances, draws, factors):
                report.near_ties.append(NearTie(text))
            else:
                name = f"call {position + 1} of {len(calls)} with the examples: `{call.method}`"
                report.mismatches.append(Mismatch(text, case=name))
            # After a difference the two sessions may have different states.
            break
        isolation.restore()
    if draws:
        compiled.seed(None)
    compiled.reset()
    return report


def _caller(originals: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    return lambda method, args, kwargs: originals[method](*args, **kwargs)


def _call(function: Callable[..., Any], call: Example, factor: float = 1.0) -> Outcome:
    args, kwargs = nudged(call.copied(), factor) if factor != 1.0 else call.copied()
    result = outcome(function, (call.method, args, kwargs), {})
    return Outcome(result.value, result.error, (args, kwargs))


def _is_near_tie(
    originals: Mapping[str, Callable[..., Any]],
    isolation: Isolation,
    calls: Sequence[Example],
    actual: Outcome,
    tolerances: Tolerances,
    draws: bool,
    factors: Sequence[float],
) -> bool:
    """Whether the original gives what the program gave once its arguments are changed a tiny bit."""
    for factor in factors:
        result = Outcome()
        with drawing(EXAMPLES_SEED) if draws else nullcontext(), EagerReads(_snapped):
            for call in calls:
                result = _call(_caller(originals), call, factor)
        same = not compare_outcomes(result, actual, tolerances).differences
        isolation.restore()
        if same:
            return True
    return False


def _snapped(value: Number, place: Place) -> Number:
    """What is read, but zero for what is nearly zero: its truth is a decision too, which no nudge meets."""
    return 0.0 if isinstance(value, float) and abs(value) < _NEARLY_ZERO else value

"""Run a function natively and through its graph, and compare what can be observed."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.frontend.interp import interpreted

T = TypeVar("T")


class Trace:
    """The side effects of a run, in their order: ``t(what, value)`` notes ``what`` and is ``value``."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def __call__(self, what: object, value: T = None) -> T:  # type: ignore[assignment]  # None is a T too
        self.events.append(str(what))
        return value


@dataclass
class Case:
    """A function whose first parameter is a :class:`Trace`, and tuples of its other arguments."""

    function: types.FunctionType
    arguments: tuple[tuple[Any, ...], ...]


@dataclass
class Registry:
    """Collects the cases of a module: ``@case((1, 2), (3, 4))`` calls the function twice."""

    cases: list[Case] = field(default_factory=list[Case])

    def __call__(self, *arguments: tuple[Any, ...]) -> Callable[[types.FunctionType], types.FunctionType]:
        def register(function: types.FunctionType) -> types.FunctionType:
            self.cases.append(Case(function, arguments or ((),)))
            return function

        return register


def observe(function: Callable[..., Any], arguments: tuple[Any, ...]) -> dict[str, object]:
    """What a call does: its result or exception, its trace, what became of its arguments."""
    arguments = copy.deepcopy(arguments)
    trace = Trace()
    outcome: dict[str, object] = {}
    try:
        result = function(trace, *arguments)
        outcome["result"] = list(result) if isinstance(result, types.GeneratorType) else result
    except Exception as error:
        outcome["raised"] = (type(error).__name__, str(error), type(error.__cause__).__name__)
    outcome["trace"] = trace.events
    outcome["arguments"] = arguments
    return outcome


def assert_same(function: types.FunctionType, arguments: tuple[Any, ...]) -> dict[str, object]:
    """The graph of ``function`` does what Python does."""
    expected = observe(function, arguments)
    actual = observe(interpreted(function), arguments)
    if actual == expected:
        return expected
    from dyncc.compiler.frontend.build import build
    from dyncc.compiler.frontend.printer import dump

    raise AssertionError(
        f"{function.__qualname__}{arguments}\n  python {expected}\n  graph  {actual}\n"
        + dump(build(function.__code__))
    )

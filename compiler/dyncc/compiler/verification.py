"""The three checks of a compile, in the order in which their subjects come into being.

Forced paths are compared before the passes, which checks the specializer, and after them, which checks the
passes and gives the inputs for the blocks. Blocks and examples are compared in the engine that runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.utils._pytree
from torch import fx

from dyncc.compiler.bundle import Examples
from dyncc.compiler.calling import ArgumentError, bind
from dyncc.compiler.check.blocks import check_blocks
from dyncc.compiler.check.compare import (
    END_TO_END,
    PRECISIONS,
    Precision,
    Tolerances,
    outcome,
)
from dyncc.compiler.check.examples import check_examples
from dyncc.compiler.check.forced import Budget, check_forced
from dyncc.compiler.check.isolation import Isolation
from dyncc.compiler.check.open_writes import writes_twice
from dyncc.compiler.check.report import Example, Report
from dyncc.compiler.check.ties import nudges
from dyncc.compiler.check.unchecked import unchecked_edges
from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.lower import Lowered
from dyncc.compiler.noise import drawing_for
from dyncc.compiler.request import Request
from dyncc.runtime.bundle import PLAIN, graphs_of
from dyncc.runtime.examples import EXAMPLES_SEED
from dyncc.runtime.manifest import Checks, UncheckedEdge
from dyncc.runtime.net import Net
from dyncc.runtime.program import Program, Span
from dyncc.runtime.session import Session
from dyncc.runtime.wellformed import draws

_MOST_DIAGNOSTICS = 10
_BEFORE_PASSES = Budget(seconds=30)
_AFTER_PASSES = Budget(surplus=0, patience=40, seconds=30)


@dataclass
class Verification:
    """The checks of one compile, and what they have found so far."""

    request: Request
    weights: Mapping[str, torch.Tensor]
    reports: list[Report] = field(default_factory=list[Report])
    harvest: Mapping[str, Sequence[Sequence[torch.Tensor]]] = field(
        default_factory=dict[str, Sequence[Sequence[torch.Tensor]]]
    )
    inside: frozenset[Span] = frozenset()
    unseen: frozenset[Span] = frozenset()
    """Reads that a check cannot script, or not see (see ``Recorded``)."""
    before: Program[fx.Graph] | None = None
    """What the passes are given, once it is checked."""
    paths: int = 0
    """Calls that were compared on both sides, each with its own decisions."""
    edges: int = 0
    """Edges between the program's blocks."""
    unchecked: tuple[UncheckedEdge, ...] = ()
    """Those of them that no such call took."""
    examples_tie: bool = False
    """Whether eager and the bundle decide an example otherwise, within rounding."""
    precision: Precision = PRECISIONS["float32"]
    """By what the bundle is compared."""

    @property
    def largest_error(self) -> float:
        return max((report.largest_error for report in self.reports), default=0.0)

    def recorded(self, program: Program[fx.Graph]) -> None:
        """Check the specializer's program against the original. Raises CompileError (DY301)."""
        further = self.request.examples[len(self.request.methods) :]
        require_fit(program, further, "call {} to check with")
        report = self._forced(program, _BEFORE_PASSES)
        self.before = program
        self.paths = report.cases - report.aborted
        self.edges = len(report.edges)
        self.unchecked = unchecked_edges(program, report, self.inside | self.unseen)
        self._add(report)

    def passed(self, program: Program[fx.Graph]) -> None:
        """Check what the passes made of it, and keep inputs for its blocks. Raises CompileError (DY301)."""
        report = self._forced(program, _AFTER_PASSES, self.before)
        self.harvest = report.harvest
        self._add(report)

    def bundle(self, program: Program[fx.Graph], lowered: Lowered, net: Net) -> None:
        """Check the blocks of ``program`` and the whole bundle in the engine; raises as the others."""
        run, is_open = block_runner(lowered, net), open_on_device(lowered, net)
        tolerances, factors = self.precision.tolerances, nudges(self.precision.nudge)
        self._add(
            check_blocks(
                program, self.weights, self.harvest, run, tolerances, is_open=is_open, factors=factors
            )
        )
        report = check_examples(
            _Compiled(net.session()),
            self.request.originals,
            self.request.examples,
            tolerances,
            draws=draws(program),
            factors=factors,
        )
        self.examples_tie = bool(report.near_ties)
        self._add(report)

    def summary(self) -> Checks | None:
        """For the bundle; None where nothing was checked."""
        if not self.paths:
            return None
        return Checks(self.paths, self.edges, self.unchecked)

    def warnings(self) -> list[Diagnostic]:
        """What does not speak against the bundle and should be known."""
        raised = dict.fromkeys(text.split("\n")[0] for report in self.reports for text in report.raised)
        return [*self._near_ties(), *(_raising(text) for text in raised)]

    def _near_ties(self) -> list[Diagnostic]:
        """A warning for each decision that lies within rounding of its threshold."""
        found = (tie for report in self.reports for tie in report.near_ties)
        warnings = (
            Diagnostic(
                "",
                "a decision lies within rounding of its threshold for the examples",
                tie.span,
                tie.text,
                severity="warning",
            )
            for tie in found
        )
        return list({warning.span: warning for warning in warnings}.values())

    def _forced(
        self, program: Program[fx.Graph], budget: Budget, before: Program[fx.Graph] | None = None
    ) -> Report:
        request = self.request
        return check_forced(
            program,
            self.weights,
            request.originals,
            request.examples,
            budget,
            self.inside,
            self.unseen,
            before,
        )

    def _add(self, report: Report) -> None:
        self.reports.append(report)
        if report.mismatches:
            found = dict.fromkeys(mismatch.diagnostic() for mismatch in report.mismatches)
            raise CompileError(list(found)[:_MOST_DIAGNOSTICS])


def require_fit(program: Program[Any], calls: Sequence[Example], what: str) -> None:
    """Raise CompileError (DY201) where one of ``calls`` is no call of the compiled program.

    ``what`` names one by its number, counted from 1: ``"call {} to check with"``. Those that fail alike are
    told once.
    """
    numbers: dict[tuple[str, str], list[int]] = {}
    for number, call in enumerate(calls, 1):
        args, kwargs = call.copied()
        try:
            bind(program.methods[call.method], args, kwargs)
        except ArgumentError as error:
            numbers.setdefault((call.method, str(error)), []).append(number)
    problems = [
        Diagnostic(
            "DY201",
            f"{what.format(found[0])} does not fit the compiled `{method}`: {error}",
            program.methods[method].span,
            notes=(f"{len(found)} calls fail alike",) if len(found) > 1 else (),
            helps=("sizes that differ from call to call are made free by `dynamic_shapes` (`--dynamic`)",)
            if error.startswith("size ")
            else (),
        )
        for (method, error), found in numbers.items()
    ]
    if problems:
        raise CompileError(problems[:_MOST_DIAGNOSTICS])


@dataclass(frozen=True)
class _Compiled:
    """A session for the check of examples, also where a method of the program is called ``reset``."""

    session: Session

    def call(self, method: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        return Session.call(self.session, method, args, kwargs)

    def seed(self, seed: int | None) -> None:
        Session.seed(self.session, seed)

    def reset(self) -> None:
        Session.reset(self.session)


def block_runner(lowered: Lowered, net: Net) -> Callable[[str, Sequence[np.ndarray]], Sequence[Any]]:
    """Runs the graphs of a loaded bundle as the recorded ones are run: with inputs that they do not use."""
    graphs = graphs_of(net.folder, net.manifest)
    blocks = net._machine.blocks

    def run(name: str, inputs: Sequence[np.ndarray]) -> Sequence[Any]:
        if name not in graphs:
            return ()  # without outputs, so it was dropped
        result = blocks[name](*(_bits(inputs[index]) for index in lowered.kept[name]))
        ports = graphs[name].outputs
        results = [result] if len(ports) == 1 else result
        return [_value(value, port.dtype) for value, port in zip(results, ports, strict=True)]

    return run


def open_on_device(lowered: Lowered, net: Net) -> Callable[[str, Sequence[np.ndarray]], bool]:
    """Whether what a graph of a loaded bundle gives is undefined where the bundle runs."""
    if not net.engine.keep:
        return lambda _name, _inputs: False
    graphs = graphs_of(net.folder, net.manifest, PLAIN)

    def is_open(name: str, inputs: Sequence[np.ndarray]) -> bool:
        values = [_bits(inputs[index]) for index in lowered.kept[name]]
        ports = graphs[name].inputs
        named = {port.name: value for port, value in zip(ports, values, strict=True)}
        return writes_twice(graphs[name].path, named)

    return is_open


def _bits(array: np.ndarray) -> np.ndarray:
    """bfloat16 travels as uint16."""
    return array.view(np.uint16) if array.dtype.name == "bfloat16" else array


def _value(value: Any, dtype: str) -> np.ndarray:
    array = np.asarray(value)
    if dtype != "bfloat16":
        return array
    import ml_dtypes

    return array.view(ml_dtypes.bfloat16)


def _raising(text: str) -> Diagnostic:
    return Diagnostic(
        "",
        f"the example call raises `{text}`, in PyTorch and in the bundle",
        None,
        helps=("give example arguments that the program accepts",),
        severity="warning",
    )


# ------------------------------------------------------------------------------------------- examples


def kept_examples(program: Program[Any], request: Request, tolerances: Tolerances = END_TO_END) -> Examples:
    """The examples with what eager PyTorch gives, for the bundle: each alone, then all on one session.

    Left out is what cannot be replayed: arguments that the compiled signature does not take, an exception
    of an operator (engines word theirs otherwise), results that have no form in a bundle.
    """
    kept = Examples()
    isolation = Isolation(request.originals.values())
    sessions = [[call] for call in request.examples]
    stateful = len(program.states) > 1 or any(state.cells for state in program.states)
    if stateful:
        sessions.append(list(request.examples))
    for number, calls in enumerate(sessions):
        try:
            with drawing_for(program, EXAMPLES_SEED):
                for call in calls:
                    if not _keep(kept, program, request, call, number, tolerances):
                        break  # later calls of the session depend on it
        finally:
            isolation.restore()
    return kept


def _keep(
    kept: Examples,
    program: Program[Any],
    request: Request,
    call: Example,
    session: int,
    tolerances: Tolerances,
) -> bool:
    args, kwargs = call.copied()
    try:
        inputs = bind(program.methods[call.method], args, kwargs)
    except ArgumentError:
        return False
    given = Examples()
    try:
        given.add(call.method, inputs)
        inputs = bind(program.methods[call.method], *call.copied())
        result = outcome(request.originals[call.method], args, kwargs)
        if result.failed:
            return False
        raises = (type(result.error).__name__, str(result.error)) if result.error is not None else None
        absolute, relative = _tolerance(result.value, tolerances)
        kept.add(
            call.method,
            inputs,
            expected=result.value,
            raises=raises,
            session=session,
            atol=absolute,
            rtol=relative,
        )
    except TypeError:
        return False
    return True


def _tolerance(value: Any, tolerances: Tolerances) -> tuple[float, float]:
    """The loosest tolerance of the dtypes in a result: a bundle's example has one for all."""
    leaves = torch.utils._pytree.tree_leaves(value)
    names = {str(leaf.dtype).removeprefix("torch.") for leaf in leaves if isinstance(leaf, torch.Tensor)}
    found = [tolerances[name] for name in (*names, "float32") if name in tolerances]
    return max(t.absolute for t in found), max(t.relative for t in found)

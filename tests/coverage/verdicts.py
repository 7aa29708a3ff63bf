"""What comes of a case: specialized, passed, interpreted, and compared with eager call by call."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from tests.coverage.cases import Case

from dyncc.compiler import CompileError, compile
from dyncc.compiler.check.compare import END_TO_END, REFERENCE, Tolerances, compare_outcomes, outcome
from dyncc.compiler.graph import FxGraphOps
from dyncc.compiler.noise import drawing
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.request import make_request
from dyncc.compiler.specialize import specialize_methods
from dyncc.passes.pipeline import DEFAULT_PIPELINE, parse_pipeline, run_pipeline
from dyncc.runtime.noise import Noise

SEED = 5
"""Of the random numbers."""
STEPS = 20_000
"""Blocks that a call may take in the reference interpreter."""


@dataclass(frozen=True)
class Verdict:
    """``code`` is that of a refusal, ``detail`` its message, or what differs or failed."""

    kind: Literal["equal", "refused", "wrong", "crash"]
    code: str = ""
    detail: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.kind, self.code, self.detail) if part)


def judge(case: Case, engine: bool = False) -> Verdict:
    """The verdict on a case, in the reference interpreter or, after the whole compile, in the engine.

    What is refused only when graphs are lowered (DY4xx) needs the whole compile.
    """
    lowered = engine or (case.refused or "").startswith("DY4")
    try:
        with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
            call = _engine(case, Path(folder) / "case.dyncc") if lowered else _reference(case)
            found = _difference(case, call, END_TO_END if lowered else REFERENCE)
    except CompileError as error:
        first = error.diagnostics[0]
        return Verdict("wrong" if first.code.startswith("DY3") else "refused", first.code, first.message)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # what the specializer raises inside is no Exception
        return Verdict("crash", detail=traceback.format_exc(limit=-8))
    return Verdict("wrong", detail=found) if found else Verdict("equal")


def _request(case: Case, model: Any) -> tuple[Any, ...]:
    """A case as arguments of ``compile`` and of ``make_request``."""
    calls = case.calls()
    if not case.methods:
        return model, calls[0], None, case.dynamic
    first = {name: next(tuple(args) for called, *args in calls if called == name) for name in case.methods}
    return {name: getattr(model, name) for name in case.methods}, first


def _reference(case: Case) -> Callable[..., Any]:
    """The case in the reference interpreter, called with the name of a method where it has several."""
    request = make_request(*_request(case, case.build()))
    recorded = specialize_methods(request.methods, request.name)
    program = run_pipeline(recorded.program, parse_pipeline(DEFAULT_PIPELINE), FxGraphOps()).program
    run = Interpreter(program, recorded.weights, step_limit=STEPS, noise=Noise(SEED)).run
    return run if case.methods else partial(run, *program.methods)


def _engine(case: Case, target: Path) -> Callable[..., Any]:
    """The case in ONNX Runtime, after the compiler's own checks."""
    net = compile(*_request(case, case.build()), output=target, threads=1, report=False)
    net.seed(SEED)
    return (lambda name, *args: getattr(net, name)(*args)) if case.methods else net


def eager(case: Case, model: Any) -> Callable[..., Any]:
    """``model`` as the calls of ``case`` call it."""
    return (lambda name, *args: getattr(model, name)(*args)) if case.methods else model


def _difference(case: Case, compiled: Callable[..., Any], tolerances: Tolerances) -> str:
    """The first difference in the calls of a case, which go to one model; empty where there is none."""
    model, noise = case.build(), drawing(SEED)
    # Each side has arguments of its own, since programs write to them.
    for position, (ours, theirs) in enumerate(zip(case.calls(), case.calls(), strict=True)):
        with noise:
            expected = outcome(eager(case, model), theirs, {})
        actual = outcome(compiled, ours, {})
        differences = compare_outcomes(expected, actual, tolerances).differences
        if differences:
            return f"call {position}: " + "; ".join(map(str, differences[:3]))
    return ""


def unexpected(case: Case, verdict: Verdict) -> str:
    """What is not as the case declares it; empty where all is."""
    expected = f"refused {case.refused}" if case.refused else "equal"
    actual = f"refused {verdict.code}" if verdict.kind == "refused" else verdict.kind
    return "" if actual == expected else f"{case.id}: declared {expected}, found {verdict}"

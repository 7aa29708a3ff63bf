"""Compiling a generated program and comparing it with eager, and what came of it."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import random
import signal
import sys
import tempfile
import traceback
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from tests.fuzz.constructs import constructs
from tests.fuzz.generator import generate
from tests.fuzz.inputs import drawing_of
from tests.runtime.host_memory import host_engine

from dyncc.compiler.api import compile as compile_bundle
from dyncc.compiler.calling import ArgumentError, bind
from dyncc.compiler.check.compare import (
    END_TO_END,
    REFERENCE,
    Outcome,
    Tolerances,
    compare,
    compare_outcomes,
    outcome,
)
from dyncc.compiler.check.forced import Budget, check_forced
from dyncc.compiler.check.report import Example
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.engines import EngineOptions
from dyncc.compiler.graph import FxGraphOps
from dyncc.compiler.markers import without_markers
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import Recorded, specialize
from dyncc.passes.pipeline import DEFAULT_PIPELINE, parse_pipeline, run_pipeline
from dyncc.runtime.bundle import load
from dyncc.runtime.errors import InputError
from dyncc.runtime.noise import Noise

Kind = Literal["equal", "refused", "wrong", "crash", "hang", "near_tie"]

PATIENCE = 120
"""Seconds of the processor until a case counts as hanging: other work beside it changes nothing."""

FORCED = Budget(cases=40, surplus=8, seconds=10.0, reads=150, steps=1500)


@dataclass(frozen=True)
class Verdict:
    """What came of a case. ``code`` is that of the refusal; ``detail`` says what differs or failed."""

    kind: Kind
    code: str = ""
    detail: str = ""
    blocks: int = 0
    seed: int = -1
    constructs: frozenset[str] = frozenset()
    seconds: float = 0.0
    """Of the processor."""

    @property
    def failed(self) -> bool:
        return self.kind in ("wrong", "crash", "hang")


class _Hang(BaseException):
    pass


def run(seed: int, engine: bool = False) -> Verdict:
    """Generate the program of ``seed`` and compare it; through ONNX Runtime as well where ``engine``."""
    source = generate(seed).source
    return dataclasses.replace(run_source(source, engine), seed=seed, constructs=constructs(source))


def run_source(source: str, engine: bool = False, forced: bool = True) -> Verdict:
    """Compare a case given as the text of its module (see ``generator``)."""
    with imported(source) as module, _patience(PATIENCE):
        try:
            return _compare(module, engine, forced)
        except _Hang:
            return Verdict("hang", detail=f"no end after {PATIENCE} s\n" + traceback.format_exc(limit=-6))
        except Exception:
            return Verdict("crash", detail=traceback.format_exc(limit=-8))


@contextlib.contextmanager
def imported(source: str) -> Iterator[types.ModuleType]:
    """The module of a case, from a file, as the frontend reads sources."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz_case.py"
        path.write_text(source, encoding="utf-8")
        name = f"fuzz_case_{Path(folder).name}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
            yield module
        finally:
            del sys.modules[name]


@contextlib.contextmanager
def _patience(seconds: int) -> Iterator[None]:
    """Raise :class:`_Hang` after ``seconds`` of the processor, where signals can be had (the main thread of
    POSIX)."""

    def expire(*_: object) -> None:
        raise _Hang

    try:
        before = signal.signal(signal.SIGPROF, expire)
    except (AttributeError, ValueError):
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@torch.no_grad()
def _compare(module: types.ModuleType, engine: bool, forced: bool) -> Verdict:
    model = module.build()
    before = _surroundings()
    try:
        recorded = specialize(model, module.calls()[0], dynamic_shapes=_shapes(module))
    except CompileError as error:
        return Verdict("refused", error.diagnostics[0].code, _told(error))
    found = _leftovers(module, model, before)
    blocks = len(recorded.program.blocks)
    if found:
        return Verdict("wrong", detail=f"after the compile: {found}", blocks=blocks)
    found = _reference(module, recorded)
    if found:
        return Verdict("wrong", detail=f"reference: {found}", blocks=blocks)
    ties = 0
    if forced:
        found, ties = _forced(module, model, recorded)
        if found:
            return Verdict("wrong", detail=f"forced: {found}", blocks=blocks)
    passed = _passed(recorded)
    found = _reference(module, passed)
    if found:
        return Verdict("wrong", detail=f"passes: {found}", blocks=blocks)
    found, _ = _forced(module, model, passed, recorded) if forced else ("", 0)
    if found:
        return Verdict("wrong", detail=f"forced passes: {found}", blocks=blocks)
    if engine:
        try:
            found = _engine(module)
        except CompileError as error:
            failed = error.diagnostics[0].code.startswith("DY3")
            return Verdict(
                "wrong" if failed else "refused", error.diagnostics[0].code, f"engine: {_told(error)}"
            )
        if found:
            return Verdict("wrong", detail=f"engine: {found}", blocks=blocks)
    return Verdict("near_tie" if ties else "equal", blocks=blocks)


def _forced(
    module: types.ModuleType, model: torch.nn.Module, recorded: Recorded, before: Recorded | None = None
) -> tuple[str, int]:
    """The first difference on forced paths, and the number of near ties."""
    calls = module.calls()
    taken = [call for call in (calls[0], calls[-1]) if not _is_refused(recorded, call, calls[0])]
    examples = [Example("forward", call) for call in taken]
    originals = {"forward": model}
    report = check_forced(
        recorded.program,
        recorded.weights,
        originals,
        examples,
        FORCED,
        recorded.inside,
        recorded.unseen,
        before and before.program,
    )
    if not report.mismatches:
        return "", len(report.near_ties)
    first = report.mismatches[0]
    line = f"line {first.span.line}: " if first.span else ""
    return f"{line}{first.text} [{first.block}] {first.case}", 0


def _passed(recorded: Recorded) -> Recorded:
    """The program after the default passes, its rules verified after each."""
    pipeline = parse_pipeline(DEFAULT_PIPELINE)
    result = run_pipeline(without_markers(recorded.program), pipeline, FxGraphOps(), verify_each=True)
    return dataclasses.replace(recorded, program=result.program)


def _reference(module: types.ModuleType, recorded: Recorded) -> str:
    """The first difference between eager and the reference interpreter."""
    noise = Noise(getattr(module, "SEED", None))
    interpreter = Interpreter(recorded.program, recorded.weights, step_limit=20_000, noise=noise)
    return _session(module, lambda args: interpreter.run("forward", *args), REFERENCE)


def _session(
    module: types.ModuleType,
    compiled: Callable[[tuple[Any, ...]], Any],
    tolerances: Tolerances,
) -> str:
    """The first difference in successive calls on one model; empty where there is none."""
    model, first, noise = module.build(), module.calls()[0], drawing_of(vars(module))
    # Each side has arguments of its own, since programs write to them.
    for position, (args, copies) in enumerate(zip(module.calls(), module.calls(), strict=True)):
        result = outcome(compiled, (copies,), {})
        actual = Outcome(result.value, result.error, (copies, {}))
        if isinstance(actual.error, (ArgumentError, InputError)) and _numbers(args) != _numbers(first):
            # A number that the program needs statically: other values are refused at the call.
            continue
        with noise:
            expected = outcome(model, args, {})
        differences = compare_outcomes(expected, actual, tolerances).differences
        if differences:
            error = actual.error
            trace = (
                "".join(traceback.format_exception(error, limit=-4)) if error and not expected.error else ""
            )
            return f"call {position}: " + "; ".join(map(str, differences[:3])) + "\n" + trace
        if expected.failed:
            break  # the program's state is as it was before, eager's what it had made of it
    return ""


def _is_refused(recorded: Recorded, args: tuple[Any, ...], first: tuple[Any, ...]) -> bool:
    """Whether a call is refused for a number that the program needs statically, which differs in it."""
    if _numbers(args) == _numbers(first):
        return False
    try:
        bind(recorded.program.methods["forward"], args, {})
    except ArgumentError:
        return True
    return False


def _numbers(args: tuple[Any, ...]) -> list[Any]:
    return [arg for arg in args if not isinstance(arg, torch.Tensor)]


def _told(error: CompileError) -> str:
    diagnostic = error.diagnostics[0]
    place = f"line {diagnostic.span.line}: " if diagnostic.span else ""
    return f"{place}{diagnostic.message} ({diagnostic.label})"


def _engine(module: types.ModuleType) -> str:
    """The first difference between eager and the bundle in ONNX Runtime, after the compiler's checks.

    On the CPU, and as on a device, whose memory is here the host's.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.dyncc"
        options = EngineOptions(device="cuda", threads=1)
        net = compile_bundle(
            module.build(),
            module.calls()[0],
            dynamic_shapes=_shapes(module),
            output=path,
            engine=options,
            report=False,
        )
        device = load(path, engine=host_engine())
        net.seed(getattr(module, "SEED", None))
        device.seed(getattr(module, "SEED", None))
        found = _session(module, lambda args: net(*args), END_TO_END)
        return found or _session(module, lambda args: device(*args), END_TO_END)


def _shapes(module: types.ModuleType) -> Any:
    """The ``dynamic_shapes`` of a case."""
    return getattr(module, "SHAPES", None)


def _surroundings() -> tuple[Any, ...]:
    return (
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.get_rng_state().tolist(),
        random.getstate(),
    )


def _leftovers(module: types.ModuleType, model: torch.nn.Module, before: tuple[Any, ...]) -> str:
    """What a compile changed and did not put back."""
    if _surroundings() != before:
        return "modes or random state changed"
    fresh = module.build()
    torch.set_rng_state(torch.tensor(before[3], dtype=torch.uint8))
    differences = compare(dict(fresh.state_dict()), dict(model.state_dict()), {}, "state").differences
    differences += compare(_plain(fresh), _plain(model), {}, "attributes").differences
    return "; ".join(map(str, differences[:3]))


def _plain(model: torch.nn.Module) -> dict[str, Any]:
    return {name: value for name, value in sorted(vars(model).items()) if not name.startswith("_")}

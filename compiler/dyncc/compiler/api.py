"""``compile``: the whole way from a PyTorch program to a checked bundle."""

from __future__ import annotations

import contextlib
import copy
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from dyncc.compiler.atomic import replaced_directory
from dyncc.compiler.bundle import Examples, check_target, write_bundle
from dyncc.compiler.calling import bind
from dyncc.compiler.check.blocks import check_blocks
from dyncc.compiler.check.examples import check_examples
from dyncc.compiler.check.forced import Budget, check_forced
from dyncc.compiler.check.isolation import Isolation
from dyncc.compiler.check.report import Example, Report
from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.graph import FxGraphOps, print_fx_graph
from dyncc.compiler.lower import lower_program
from dyncc.compiler.lower.lowering import Lowered
from dyncc.compiler.reference import Interpreter, Number, Observer, StepLimitExceeded
from dyncc.compiler.specialize import Method, Recorded, specialize_methods
from dyncc.ir.printer import print_program
from dyncc.ir.verifier import verify as verify_program
from dyncc.passes.pipeline import DEFAULT_PIPELINE, PipelineError, parse_pipeline, run_pipeline
from dyncc.runtime import load
from dyncc.runtime.net import Net
from dyncc.runtime.program import Compute, Frozen, HostOp, Program

FORCED_SECONDS = 30.0
"""How long the forced paths may take; what is not reached by then is reported."""


@dataclass(frozen=True)
class CompileReport:
    """What a compile did. ``seconds`` by step; ``paths``: cases in which both sides were compared."""

    path: Path
    blocks: int
    graphs: int
    seconds: dict[str, float]
    paths: int = 0
    edges: int = 0
    covered: int = 0
    largest_error: float = 0.0
    frozen: tuple[Frozen, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextlib.contextmanager
    def step(self, name: str) -> Generator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def compile(
    model: Any,
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    dynamic_shapes: Any = None,
    output: str | Path = "model.dyncc",
    threads: int | None = None,
    *,
    verify: bool = True,
    passes: str | None = None,
    dump_ir: str | Path | None = None,
    verify_each: bool = False,
    command: str = "",
) -> Net:
    """Compile ``model`` and write a bundle to ``output``; returns the loaded program.

    ``model`` is a module, a bound method, a function, or a dict of several methods of one module: name to
    ``(method, args)`` or ``(method, args, kwargs)``. ``args``, ``kwargs`` and ``dynamic_shapes`` are as in
    ``torch.export.export``; numbers and bools among them stay inputs unless the program needs them while it
    is compiled. ``verify`` runs the three checks; ``passes`` is the text of a pipeline; ``dump_ir`` a folder
    for the program's text after each step.

    The model and the process are left as they were. The result's ``report`` says what was done. Raises
    CompileError where the program is refused or a check fails (DY301); ``output`` is then untouched.
    """
    target = Path(output)
    check_target(target)
    methods = _methods(model, args, dict(kwargs or {}), dynamic_shapes)
    originals = {method.name: method.function for method in methods}
    examples = [Example(m.name, tuple(m.args), dict(m.kwargs)) for m in methods]
    clock = _Clock()
    isolation = Isolation(originals.values())
    with _same_mode(), torch.no_grad():
        with clock.step("specialize"):
            recorded = specialize_methods(methods, _name(model))
            verify_program(recorded.program)
        _dump(dump_ir, "recorded", recorded.program)
        reports: list[Report] = []
        if verify:
            with clock.step("check paths"):
                reports.append(_check_paths(recorded, originals, examples))
        with clock.step("passes"):
            program = _run_passes(recorded.program, passes, verify_each)
        _dump(dump_ir, "optimized", program)
        with clock.step("lower"):
            lowered = lower_program(program, recorded.weights)
        with tempfile.TemporaryDirectory(dir=_parent(target), prefix=f".{target.name}.", suffix=".tmp") as folder:
            staged = Path(folder) / target.name
            with clock.step("write"):
                kept = _examples(recorded.program, originals, examples, isolation) if verify else Examples()
                write_bundle(lowered, staged, command=command, examples=kept, engine_options={})
            if verify:
                with clock.step("check bundle"):
                    reports += _check_bundle(staged, program, lowered, recorded, originals, examples, threads)
            with replaced_directory(target) as final:
                shutil.copytree(staged, final, dirs_exist_ok=True)
    isolation.restore()
    net = load(target, threads=threads)
    net.report = _report(target, program, clock, reports, recorded)  # type: ignore[attr-defined]
    return net


def _parent(target: Path) -> Path:
    parent = target.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    return parent


def _name(model: Any) -> str:
    if isinstance(model, Mapping):
        model = next(iter(model.values()))
        model = model[0] if isinstance(model, tuple) else model
    owner = getattr(model, "__self__", model)
    return type(owner).__name__ if isinstance(owner, nn.Module) else getattr(model, "__name__", "program")


def _methods(model: Any, args: Any, kwargs: dict[str, Any], dynamic_shapes: Any) -> list[Method]:
    if isinstance(model, Mapping):
        return [_one_of_several(name, entry, args, dynamic_shapes) for name, entry in model.items()]
    function = model.forward if isinstance(model, nn.Module) else model
    if not callable(function):
        raise TypeError(f"compile takes a module, a method or a function, not {type(model).__name__}")
    name = getattr(function, "__name__", "forward")
    values = (args,) if isinstance(args, torch.Tensor) else tuple(args)
    return [Method(name if name.isidentifier() else "call", function, values, kwargs, dynamic_shapes)]


def _one_of_several(name: str, entry: Any, args: Any, dynamic_shapes: Any) -> Method:
    shapes = dynamic_shapes.get(name) if isinstance(dynamic_shapes, Mapping) else None
    if isinstance(entry, tuple):
        function, values, *more = entry
        return Method(name, function, tuple(values), dict(more[0]) if more else {}, shapes)
    given = args.get(name, ()) if isinstance(args, Mapping) else args
    return Method(name, entry, (given,) if isinstance(given, torch.Tensor) else tuple(given), {}, shapes)


@contextlib.contextmanager
def _same_mode() -> Generator[None]:
    """Random state and number of threads as before, whatever the user's code does."""
    states = (torch.get_rng_state(), random.getstate(), np.random.get_state(), torch.get_num_threads())
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        random.setstate(states[1])
        np.random.set_state(states[2])
        torch.set_num_threads(states[3])


def _dump(folder: str | Path | None, name: str, program: Program[fx.Graph]) -> None:
    if folder is None:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    text = print_program(program, print_graph=print_fx_graph)
    (Path(folder) / f"{name}.txt").write_text(text, encoding="utf-8")


def _run_passes(program: Program[fx.Graph], text: str | None, verify_each: bool) -> Program[fx.Graph]:
    try:
        pipeline = parse_pipeline(text) if text is not None else _default_pipeline()
    except PipelineError as error:
        raise ValueError(f"passes: {error}") from error
    return run_pipeline(program, pipeline, FxGraphOps(), verify_each=verify_each).program


def _default_pipeline() -> Any:
    return parse_pipeline(DEFAULT_PIPELINE) if isinstance(DEFAULT_PIPELINE, str) else DEFAULT_PIPELINE


# ------------------------------------------------------------------------------------------ checks


def _check_paths(
    recorded: Recorded, originals: Mapping[str, Callable[..., Any]], examples: Sequence[Example]
) -> Report:
    report = check_forced(
        recorded.program, recorded.weights, originals, examples, Budget(seconds=FORCED_SECONDS)
    )
    _refuse_mismatches(report)
    return report


def _refuse_mismatches(report: Report) -> None:
    if report.mismatches:
        raise CompileError([mismatch.diagnostic() for mismatch in report.mismatches[:5]])


class _Harvest(Observer):
    """Keeps inputs of graphs from runs whose decisions are taken at random."""

    def __init__(self, seed: int, keep: int) -> None:
        self.random = random.Random(seed)
        self.keep = keep
        self.inputs: dict[str, list[tuple[torch.Tensor, ...]]] = {}

    def read(self, step: HostOp, value: Number) -> Number:
        return self.random.random() < 0.5 if isinstance(value, bool) else value

    def compute(
        self, step: Compute, inputs: tuple[torch.Tensor, ...], outputs: tuple[torch.Tensor, ...]
    ) -> None:
        kept = self.inputs.setdefault(step.graph, [])
        if len(kept) < self.keep:
            kept.append(tuple(tensor.detach().clone() for tensor in inputs))


def _harvest(
    program: Program[fx.Graph], weights: Mapping[str, torch.Tensor], examples: Sequence[Example]
) -> dict[str, list[tuple[torch.Tensor, ...]]]:
    """Inputs for the graphs of ``program`` as it is after the passes."""
    observer = _Harvest(0, 2)
    for _ in range(24):
        interpreter = Interpreter(program, weights, step_limit=400, observer=observer)
        for example in examples:
            args, kwargs = example.copied()
            with contextlib.suppress(StepLimitExceeded, Exception):
                interpreter.run(example.method, *args, **kwargs)
        if len(observer.inputs) == len(program.graphs):
            break
    return observer.inputs


def _check_bundle(
    path: Path,
    program: Program[fx.Graph],
    lowered: Lowered,
    recorded: Recorded,
    originals: Mapping[str, Callable[..., Any]],
    examples: Sequence[Example],
    threads: int | None,
) -> list[Report]:
    """Checks 2 and 3: each lowered block against its recorded code, the whole against eager."""
    net = load(path, threads=threads)
    blocks = net._machine.blocks
    kept = lowered.kept

    def run_block(name: str, inputs: Sequence[np.ndarray[Any, Any]]) -> Sequence[Any]:
        outputs = blocks[name](*(inputs[index] for index in kept[name]))
        return outputs if isinstance(outputs, list | tuple) else (outputs,)

    in_blocks = check_blocks(
        program, recorded.weights, _harvest(program, recorded.weights, examples), run_block
    )
    _refuse_mismatches(in_blocks)
    session = net.session()
    whole = check_examples(_Compiled(session), originals, examples)
    _refuse_mismatches(whole)
    return [in_blocks, whole]


@dataclass(frozen=True)
class _Compiled:
    session: Any

    def call(self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return self.session.method(method)(*args, **kwargs)

    def reset(self) -> None:
        self.session.reset()


def _examples(
    program: Program[fx.Graph],
    originals: Mapping[str, Callable[..., Any]],
    examples: Sequence[Example],
    isolation: Isolation,
) -> Examples:
    """The example calls and what eager gives for them, each in a session of its own."""
    kept = Examples()
    for session, example in enumerate(examples):
        args, kwargs = example.copied()
        inputs = dict(bind(program.methods[example.method], *copy.deepcopy((args, kwargs))))
        try:
            expected = copy.deepcopy(originals[example.method](*args, **kwargs))
        except Exception as error:
            kept.add(example.method, inputs, raises=(type(error).__name__, str(error)), session=session)
        else:
            kept.add(example.method, inputs, expected=expected, session=session)
        finally:
            isolation.restore()
    return kept


def _report(
    path: Path, program: Program[fx.Graph], clock: _Clock, reports: Sequence[Report], recorded: Recorded
) -> CompileReport:
    warnings = [Diagnostic("", text, None, severity="warning") for text in recorded.warnings]
    for report in reports:
        for tie in report.near_ties[:5]:
            text = f"a decision lies within rounding of its threshold: {tie.text}"
            warnings.append(Diagnostic("", text, tie.span, severity="warning"))
    forced = reports[0] if reports else Report()
    return CompileReport(
        path,
        len(program.blocks),
        len(program.graphs),
        dict(clock.seconds),
        paths=sum(report.cases for report in reports[:1]),
        edges=len(forced.edges),
        covered=len(forced.covered),
        largest_error=max((report.largest_error for report in reports), default=0.0),
        frozen=recorded.program.frozen,
        warnings=tuple(warnings),
    )


__all__ = ["CompileReport", "compile"]

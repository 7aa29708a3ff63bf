"""``compile``: from a PyTorch program to a bundle that runs without PyTorch."""

from __future__ import annotations

import contextlib
import gc
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import fx

from dyncc.compiler.bundle import check_target, write_bundle
from dyncc.compiler.check.accepted import inputs_notes, rejections
from dyncc.compiler.check.compare import PRECISIONS, Precision
from dyncc.compiler.clock import Clock
from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.engines import EngineOptions, EnginePlan, plan_engines, require_engine
from dyncc.compiler.engines.sources import Harvest, block_sources
from dyncc.compiler.engines.whole import choose
from dyncc.compiler.graph import FxGraphOps, print_fx_graph
from dyncc.compiler.graph_probe import GraphProbe
from dyncc.compiler.lower import Lowered, lower_program
from dyncc.compiler.markers import unmarked, without_markers
from dyncc.compiler.pruning.bundle import Prune, PrunedLowered, prune_lowered, reference_examples
from dyncc.compiler.pruning.usage import usage_of
from dyncc.compiler.pruning.ways import Reduced, without_ways
from dyncc.compiler.report.write import Reporter
from dyncc.compiler.request import Request, make_request
from dyncc.compiler.specialize import Limits, Recorded, specialize_methods
from dyncc.compiler.verification import Verification, kept_examples, require_fit
from dyncc.ir.printer import print_program
from dyncc.ir.verifier import verify as verify_program
from dyncc.passes.base import OnnxPass
from dyncc.passes.lower_precision import LowerPrecision
from dyncc.passes.pipeline import (
    DEFAULT_PIPELINE,
    PRUNING_PIPELINE,
    AnyPass,
    Ran,
    parse_pipeline,
    run_onnx_passes,
    run_pipeline,
)
from dyncc.passes.prune.model import Report
from dyncc.passes.prune.selection import Selection
from dyncc.passes.tabulate import Tabulate
from dyncc.runtime.bundle import load
from dyncc.runtime.manifest import UncheckedEdge
from dyncc.runtime.net import Net
from dyncc.runtime.program import Frozen, Program


@dataclass(frozen=True)
class CompileReport:
    """What a compile did."""

    path: Path
    sha256: str
    """The digest of ``program.json``, with which ``load`` can pin the bundle."""
    blocks: int
    graphs: int
    seconds: Mapping[str, float]
    """Time by step, in the order of the steps."""
    paths: int
    """Calls that were compared with the original, each with decisions of its own; 0 without checks."""
    edges: int
    """Edges between blocks."""
    unchecked: tuple[UncheckedEdge, ...]
    """Those of them that no such call took."""
    largest_error: float
    """The largest absolute difference of a number that a check saw (within its tolerance)."""
    frozen: tuple[Frozen, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    passes: tuple[Ran, ...] = ()
    """What each pass did, in order."""
    pruning: Report | None = None
    """What was removed, where the program was pruned."""
    engines: EnginePlan = field(default_factory=lambda: EnginePlan(EngineOptions()))
    """Which block runs where, and why."""


class CompiledNet(Net):
    """A bundle that was just compiled, loaded; ``report`` says what the compile did.

    Its calls give torch tensors, unless they are given other arrays.
    """

    def __init__(self, net: Net, report: CompileReport) -> None:
        super().__init__(net.manifest, net._machine, net.engine, net.folder)
        self._machine.torch_results = True
        self.report = report


def compile(
    model: Any,
    args: Any = (),
    kwargs: Any = None,
    dynamic_shapes: Any = None,
    output: str | Path = "model.dyncc",
    threads: int | None = None,
    *,
    verify: bool = True,
    passes: str | None = None,
    verify_each: bool = False,
    dump_ir: str | Path | None = None,
    examples: Sequence[Any] = (),
    command: str = "",
    sources: Mapping[str, str] | None = None,
    prune: float | Prune | None = None,
    engine: str | EngineOptions = "onnxruntime",
    precision: str = "float32",
    report: bool = True,
    profile: Sequence[Any] = (),
    limits: Limits | None = None,
) -> CompiledNet:
    """Compile a program into the bundle ``output`` and return it, loaded.

    ``model`` is a module, a bound method, a function, or a dict of several by name; ``args``, ``kwargs``
    and ``dynamic_shapes`` are as in ``torch.export.export`` (dicts by name for several; see
    :func:`~dyncc.compiler.request.make_request`). Of tensors only types and shapes matter, of numbers
    and bools only what the program needs to know. ``examples`` are further calls to check with.

    ``threads`` are those of the net that is returned. ``verify`` runs the checks; ``passes`` is the text of
    a pipeline in the place of the default one; ``verify_each`` checks the program's rules after each pass;
    ``dump_ir`` is a folder for the program's text after each step; ``command`` is how to compile again, and
    ``sources`` are the texts of files by path, both for the bundle. ``prune`` removes channels: a share
    of every group of coupled channels, or a :class:`~dyncc.compiler.pruning.bundle.Prune`. ``engine`` is
    what runs the blocks: ``onnxruntime``, ``tvm``, ``inductor``, that of a plugin, or ``auto`` for the
    fastest of those present, block by block; :class:`~dyncc.compiler.engines.EngineOptions` has more.
    ``precision`` is ``float32``, or ``float16`` or ``bfloat16`` for products of matrices and what follows
    them (:mod:`dyncc.passes.lower_precision`); results are then compared as if they were of that dtype.
    ``report`` adds ``report.html``, in which it is counted which ways the calls of ``profile`` take (given
    as ``examples`` are); pruning weighs channels, and FLOPs, by them. ``limits`` say how long to
    specialize, and into how many blocks, before a program is refused.

    The model and the process are left as they were. Raises CompileError where the program is refused or a
    check fails; ``output`` is then as it was before. Raises NotABundleError where it is something else
    than a bundle, PipelineError for ``passes`` that do not parse, EngineMissing where the engine is not
    installed, ValueError for a name that is none.
    """
    target = Path(output)
    check_target(target)
    if precision not in PRECISIONS:
        raise ValueError(f"there is no precision `{precision}`: one of {', '.join(PRECISIONS)}")
    default = DEFAULT_PIPELINE if prune is None else PRUNING_PIPELINE
    pipeline = list(parse_pipeline(default if passes is None else passes))
    if precision != "float32":
        pipeline.append(LowerPrecision(precision))
    request = make_request(model, args, kwargs, dynamic_shapes, examples, profile)
    removal = Prune(Selection(ratio=prune)) if isinstance(prune, int | float) else prune
    options = EngineOptions(engine, threads=threads) if isinstance(engine, str) else engine
    require_engine(options)
    reporter = Reporter(report, request.examples, request.profile, sources or {})
    job = _Job(request, target, pipeline, verify, verify_each, threads, removal, options, reporter)
    if dump_ir is not None:
        job.dump_folder = Path(dump_ir)
    job.limits = limits
    job.precision = PRECISIONS[precision]
    with _undisturbed(), _passed_over():
        return job.run(command, sources)


@dataclass
class _Job:
    """One compile, step by step."""

    request: Request
    target: Path
    pipeline: Sequence[AnyPass]
    verify: bool
    verify_each: bool
    threads: int | None
    prune: Prune | None = None
    engines: EngineOptions = field(default_factory=EngineOptions)
    reporter: Reporter = field(default_factory=lambda: Reporter(False, ()))
    dump_folder: Path | None = None
    limits: Limits | None = None
    precision: Precision = PRECISIONS["float32"]
    clock: Clock = field(default_factory=Clock)
    dumps: int = 0
    ran: list[Ran] = field(default_factory=list[Ran])

    def run(self, command: str, sources: Mapping[str, str] | None) -> CompiledNet:
        with self.clock.step("specialize"):
            recorded = self._recorded()
            self._dump(recorded.program, "specialize")
            verify_program(recorded.program, FxGraphOps().signature)
        if rejected := self._rejections():
            raise CompileError(rejected)
        require_fit(recorded.program, self.request.profile, "call {} of the profile")
        checks = Verification(
            self.request,
            recorded.weights,
            inside=recorded.inside,
            unseen=recorded.unseen,
            precision=self.precision,
        )
        program = self._passed(recorded.program, checks)
        verify_program(program, FxGraphOps().signature)
        with self.clock.step("lower"):
            lowered = lower_program(program, recorded.weights)
        pruned = self._pruned(program, lowered, checks, recorded.weights) if self.prune else None
        with self.clock.step("passes"):  # after pruning, which needs layers as they were trained
            lowered = self._optimized(pruned.lowered if pruned else lowered)
        with tempfile.TemporaryDirectory(prefix="dyncc-engines-") as folder:
            source = _Engines(self, Path(folder), recorded.weights, pruned is not None)
            plan = replace(source.plan(program, lowered, checks.harvest), precision=self.precision.name)
            with self.clock.step("bundle"):
                if pruned is None:
                    digest = self._write(program, lowered, checks, self.target, command, sources, plan)
                else:
                    changed = replace(pruned, lowered=lowered)
                    digest = self._write_pruned(changed, checks, command, sources, plan)
                net = self._load(self.target, plan)
        report = CompileReport(
            path=self.target,
            sha256=digest,
            blocks=len(lowered.program.blocks),
            graphs=len(lowered.program.graphs),
            seconds=self.clock.seconds,
            paths=checks.paths,
            edges=checks.edges,
            unchecked=checks.unchecked,
            largest_error=checks.largest_error,
            frozen=lowered.program.frozen,
            warnings=(
                *map(_warning, recorded.warnings),
                *checks.warnings(),
                *map(_warning, pruned.warnings if pruned else ()),
                *map(_warning, plan.warnings()),
                *self.reporter.warnings(),
            ),
            passes=tuple(self.ran),
            pruning=pruned.report if pruned else None,
            engines=plan,
        )
        return CompiledNet(net, report)

    def _recorded(self) -> Recorded:
        """The specialized program. Raises CompileError where it is refused; what is wrong with its examples
        is told as well, since the refusal may come of that."""
        try:
            return specialize_methods(self.request.methods, self.request.name, self.limits)
        except CompileError as error:
            if all(each.code != "DY150" for each in error.diagnostics):
                rejected = self._rejections()
                if not rejected:
                    raise
                raise CompileError([*error.diagnostics, *rejected]) from error
            # it says what the program raises for these inputs
            notes = inputs_notes(self.request.methods[0].signature(), self.request.examples[0])
            told = [replace(each, notes=(*each.notes, *notes)) for each in error.diagnostics]
            raise CompileError(told) from error

    def _rejections(self) -> list[Diagnostic]:
        """An error for each method of which PyTorch itself fails on all examples."""
        with self.clock.step("check"):
            return rejections(self.request)

    def _optimized(self, lowered: Lowered) -> Lowered:
        """The lowered program after the passes over ONNX graphs; ``verify_each`` checks after each."""
        probe = GraphProbe(lowered.program.graphs) if self.verify_each else None

        def observe(each: OnnxPass, program: Program[Any]) -> None:
            if probe is not None and isinstance(each, Tabulate):
                probe.measure(program.graphs)  # its tables have no rows for the probe's numbers
            elif probe is not None:
                probe.compare(program.graphs, each.name, self.precision.tolerances)

        result = run_onnx_passes(lowered.program, self.pipeline, observe=observe)
        self.ran.extend(result.ran)
        return replace(lowered, program=result.program)

    def _write(
        self,
        program: Program[fx.Graph],
        lowered: Lowered,
        checks: Verification,
        target: Path,
        command: str,
        sources: Mapping[str, str] | None,
        plan: EnginePlan | None = None,
    ) -> str:
        """Write the bundle, check it before it comes to its place; returns its digest."""

        def check(folder: Path) -> None:
            if self.verify:
                with self.clock.step("check"):
                    checks.bundle(program, lowered, self._load(folder, plan))

        write = partial(
            write_bundle,
            lowered,
            target,
            command=command,
            sources=sources,
            engines=plan,
            checks=checks.summary(),
            report=partial(self._report, checks, plan, None) if target == self.target else None,
        )
        digest = write(
            examples=kept_examples(program, self.request, self.precision.tolerances), check=check
        )
        # An example on a threshold cannot be kept with eager's answer: it would fail at the next replay.
        return write() if checks.examples_tie else digest

    def _pruned(
        self,
        program: Program[fx.Graph],
        lowered: Lowered,
        checks: Verification,
        weights: Mapping[str, torch.Tensor],
    ) -> PrunedLowered:
        """The pruned program; what it is made from is checked as a bundle that goes nowhere, on which it
        is counted which ways the profile takes."""
        assert self.prune is not None
        profile, rare = self.request.profile, self.prune.rare
        reduced: Reduced | None = None
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / "whole.dyncc"
            if self.verify or profile:
                self._write(program, lowered, checks, whole, "", None)
            with self.clock.step("prune"):
                if profile:
                    net = self._load(whole)
                    usage = usage_of(net, profile)
                    reduced = Reduced(lowered, usage, usage)
                    if rare is not None:
                        reduced = without_ways(
                            program, lowered, weights, usage, rare, self.pipeline, net, profile
                        )
                elif rare is not None:
                    raise CompileError([_no_profile()])
                dynamic = self.request.methods[0].dynamic_shapes is not None
                return prune_lowered(
                    lowered, self.prune, self.request.examples, self.verify, reduced, dynamic, profile
                )

    def _write_pruned(
        self,
        pruned: PrunedLowered,
        checks: Verification,
        command: str,
        sources: Mapping[str, str] | None,
        plan: EnginePlan,
    ) -> str:
        with self.clock.step("check"):
            examples, check = reference_examples(pruned, self.request.examples, self._load)
        return write_bundle(
            pruned.lowered,
            self.target,
            command=command,
            sources=sources,
            engines=plan,
            examples=examples,
            check=check if self.verify else None,
            report=partial(self._report, checks, plan, pruned.report),
        )

    def _report(
        self, checks: Verification, plan: EnginePlan | None, pruning: Report | None, folder: Path
    ) -> None:
        """Add the report to the finished bundle in ``folder``, where one is wanted."""
        if self.reporter.wanted:
            with self.clock.step("report"):
                self.reporter.write(
                    folder,
                    self._load(folder, plan, lazy=True),
                    self.ran,
                    pruning=pruning,
                    largest_error=checks.largest_error if checks.reports else None,
                    ties=checks.warnings(),
                )

    def _passed(self, program: Program[fx.Graph], checks: Verification) -> Program[fx.Graph]:
        """The program after the passes, checked before and after them."""
        if self.verify:
            with self.clock.step("check"):
                checks.recorded(program)
        with self.clock.step("passes"):
            result = run_pipeline(
                without_markers(program),
                self.pipeline,
                FxGraphOps(),
                verify_each=self.verify_each,
                observe=lambda each, result: self._dump(result.program, each.name),
            )
            self.ran.extend(result.ran)
            program = result.program
        if self.verify:
            with self.clock.step("check"):
                checks.passed(program)
        return unmarked(program)

    def _load(self, folder: Path, plan: EnginePlan | None = None, lazy: bool = False) -> Net:
        # written a moment ago by this process: reading it all again to check digests would show nothing
        engine = "onnxruntime" if plan is not None and plan.foreign else None
        device = plan.device if plan is not None else "cpu"
        return load(
            folder, threads=self.threads, device=device, verify_digests=False, lazy=lazy, engine=engine
        )

    def _dump(self, program: Program[fx.Graph], name: str) -> None:
        if self.dump_folder is None:
            return
        self.dump_folder.mkdir(parents=True, exist_ok=True)
        text = print_program(program, print_graph=print_fx_graph)
        (self.dump_folder / f"{self.dumps:02}-{name}.txt").write_text(text, encoding="utf-8")
        self.dumps += 1


@dataclass
class _Engines:
    """Where the blocks of a compile are to run. Artifacts are made below ``folder``."""

    job: _Job
    folder: Path
    weights: Mapping[str, torch.Tensor]
    pruned: bool

    def plan(self, program: Program[fx.Graph], lowered: Lowered, harvest: Harvest) -> EnginePlan:
        options = self.job.engines
        if options.engine == "onnxruntime":
            return plan_engines([], options, self.folder)
        with self.job.clock.step("engines"):
            sources = block_sources(program, lowered, self.weights, harvest, pruned=self.pruned)
            plan = plan_engines(sources, options, self.folder / "blocks", verify=self.job.verify)
            return choose(
                plan,
                self.job.request.examples,
                lambda candidate, path: self._write(lowered, candidate, path),
                self.job._load,
                self.folder,
            )

    def _write(self, lowered: Lowered, plan: EnginePlan, path: Path) -> None:
        write_bundle(lowered, path, engines=plan)


def _no_profile() -> Diagnostic:
    return Diagnostic(
        "",
        "which ways of decisions are rare is not known",
        None,
        helps=("give a profile: --profile FILE.npz, `profile=` of `compile`",),
    )


def _warning(text: str) -> Diagnostic:
    return Diagnostic("", text, None, severity="warning")


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Without gradients; leaves random states and the number of threads as they were."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    torch_state, threads = torch.get_rng_state(), torch.get_num_threads()
    try:
        with torch.no_grad():
            yield
    finally:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_rng_state(torch_state)
        np.random.set_state(numpy_state)
        random.setstate(python_state)


@contextlib.contextmanager
def _passed_over() -> Iterator[None]:
    """What exists already is passed over by the garbage collector.

    The modules of torch are 400,000 objects. To look them through, again and again, is a fifth of the time
    in which graphs are recorded. A process that froze objects itself is left alone.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

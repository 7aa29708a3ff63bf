"""Which engine runs which block: compiled for the engines that are asked for, tried, for ``auto`` timed.

A block that an engine does not take, or in which it gives something else than ONNX Runtime, is left to ONNX
Runtime, and the reason goes into the bundle. With ``auto`` each block goes to the engine that runs it
fastest as the host calls it, from arrays to arrays, so that the way into and out of an engine counts. What
blocks cost each other (pools of threads that get into each other's way, caches) shows only in whole calls;
so at the end the mixed program and those of one engine each are timed on the examples, and the fastest of
them is taken (:mod:`dyncc.compiler.engines.whole`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir

from dyncc.compiler.check.compare import END_TO_END, Tolerances, compare
from dyncc.compiler.engines.base import (
    BlockCompiler,
    BlockSource,
    Built,
    EngineOptions,
    Unable,
    block_compiler,
    engine_names,
)
from dyncc.compiler.engines.timing import times_of
from dyncc.runtime.engine import Engine, Graph, Run, Setup
from dyncc.runtime.engines import make_engine
from dyncc.runtime.errors import DynccError, EngineMissing
from dyncc.runtime.manifest import Choice

AUTO = "auto"
ONNX = "onnxruntime"


@dataclass(frozen=True)
class EnginePlan:
    """Where blocks run. ``built`` are the artifacts by graph, each with its engine and the suffix of its
    file; graphs that are in none run in ONNX Runtime. ``support`` are files by engine and name."""

    options: EngineOptions
    built: Mapping[str, tuple[str, str, Built]] = field(default_factory=dict[str, "tuple[str, str, Built]"])
    choices: Mapping[str, Choice] = field(default_factory=dict[str, Choice])
    support: Mapping[str, Mapping[str, Path]] = field(default_factory=dict[str, Mapping[str, Path]])
    calls: Mapping[str, float] = field(default_factory=dict[str, float])
    """Seconds of whole calls over the examples, by engine (``auto``: each block where it is fastest)."""
    foreign: bool = False
    """Whether blocks are for another machine or a device that is not here, so that none of them was run."""
    notes: tuple[str, ...] = ()
    absent: str = ""
    """Why the device is not here."""
    precision: str = "float32"
    """In what products of matrices are computed; the blocks are so already."""

    @property
    def on_device(self) -> bool:
        """Whether blocks are to run on a device, and not on the CPU."""
        return self.options.device != "cpu"

    @property
    def device(self) -> str:
        """Where the blocks can run here."""
        return "cpu" if self.foreign else self.options.device

    def warnings(self) -> list[str]:
        """What the user should know: blocks that the engine that was asked for did not take."""
        found = [f"engine {note}" for note in self.notes]
        if self.foreign and self.on_device:
            found.append(
                f"the blocks are for {self.options.device} and were not run there ({self.absent}): the "
                "checks ran them on the CPU; `dyncc verify`, where the device is, runs the examples there"
            )
        elif self.foreign:
            found.append(
                f"the artifacts are for {self.options.target} and were not run here: the checks ran the "
                "same blocks in onnxruntime"
            )
        asked = self.options.engine
        for name, choice in self.choices.items():
            if asked not in (AUTO, choice.engine):
                reason = choice.refused.get(asked, "it was not built")
                found.append(f"the block `{name}` runs in {choice.engine}, not in {asked}: {reason}")
        return found

    def only(self, engine: str) -> EnginePlan:
        """The plan with the artifacts of one engine alone (``onnxruntime``: none)."""
        kept = {name: item for name, item in self.built.items() if item[0] == engine}
        return self.with_built(kept)

    def with_built(self, built: Mapping[str, tuple[str, str, Built]]) -> EnginePlan:
        """The plan with these artifacts; the choices say so."""
        choices = {
            name: replace_engine(choice, built[name][0] if name in built else ONNX)
            for name, choice in self.choices.items()
        }
        used = {engine for engine, _, _ in built.values()}
        support = {engine: files for engine, files in self.support.items() if engine in used}
        return replace(self, built=built, choices=choices, support=support)


def replace_engine(choice: Choice, engine: str) -> Choice:
    """``choice`` with another engine."""
    return Choice(engine, choice.seconds, choice.refused)


@dataclass
class _Candidates:
    """All artifacts of all blocks, and how they run here."""

    sources: Sequence[BlockSource]
    options: EngineOptions
    folder: Path
    tolerances: Tolerances
    built: dict[str, dict[str, Built]] = field(default_factory=dict[str, "dict[str, Built]"])
    refused: dict[str, dict[str, str]] = field(default_factory=dict[str, "dict[str, str]"])
    runs: dict[str, dict[str, Run]] = field(default_factory=dict[str, "dict[str, Run]"])
    engines: dict[str, Engine] = field(default_factory=dict[str, Engine])

    def __post_init__(self) -> None:
        for source in self.sources:
            self.built[source.name], self.refused[source.name], self.runs[source.name] = {}, {}, {}

    def compile(self, compiler: BlockCompiler) -> None:
        folder = self.folder / compiler.name
        folder.mkdir()
        for name, result in compiler.compile(self.sources, folder).items():
            if isinstance(result, Unable):
                self.refused[name][compiler.name] = result.reason
            else:
                self.built[name][compiler.name] = result

    def try_all(self, engine: str, support: Path | None) -> None:
        """Load what was built for ``engine`` and compare with ONNX Runtime; what differs is refused."""
        for source in self.sources:
            built = self.built[source.name].get(engine)
            if built is None:
                continue
            reason = self._tried(source, engine, built, support)
            if reason is not None:
                del self.built[source.name][engine]
                self.refused[source.name][engine] = reason

    def _tried(self, source: BlockSource, engine: str, built: Built, support: Path | None) -> str | None:
        try:
            run = self._engine(engine).load(_graph(source, engine, built, support))
            for inputs in source.examples:
                expected, actual = self.reference(source)(*inputs), run(*inputs)
                found = compare(_listed(expected), _listed(actual), self.tolerances).differences
                if found:
                    return f"gives something else than {ONNX}: {found[0]}"
        except DynccError as error:
            return str(error).partition("\n")[0]
        self.runs[source.name][engine] = run
        return None

    def reference(self, source: BlockSource) -> Run:
        """The block in ONNX Runtime."""
        runs = self.runs[source.name]
        if ONNX not in runs:
            path = self.folder / f"{len(self.engines)}-{len(list(self.folder.iterdir()))}.onnx"
            path.write_bytes(onnx_ir.to_proto(source.model).SerializeToString())
            graph = Graph(source.name, str(path), source.inputs, source.outputs, source.numbers)
            runs[ONNX] = self._engine(ONNX).load(graph)
        return runs[ONNX]

    def _engine(self, name: str) -> Engine:
        if name not in self.engines:
            setup = Setup(
                self.options.threads, self.options.device if name != ONNX else "cpu", len(self.sources)
            )
            self.engines[name] = make_engine(name, setup=setup)
        return self.engines[name]


def _graph(source: BlockSource, engine: str, built: Built, support: Path | None) -> Graph:
    def weights() -> list[np.ndarray[Any, Any]]:
        tensors = (source.model.graph.initializers[name].const_value for name in built.weights)
        return [tensor.numpy() for tensor in tensors if tensor is not None]

    return Graph(
        source.name,
        str(built.path),
        source.inputs,
        source.outputs,
        source.numbers,
        engine,
        built.requires,
        weights,
        None if support is None else str(support),
    )


def _listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, list | tuple) else [result]


def require_engine(options: EngineOptions) -> None:
    """Raise ValueError for an engine or a target that there is not, EngineMissing for one not installed.

    For the beginning of a compile, whose other steps take longer.
    """
    if options.device != "cpu":
        if options.device.partition(":")[0] != "cuda":
            raise ValueError(f"there is no device `{options.device}`: cpu, cuda or cuda:1")
        if options.engine not in (ONNX, "inductor"):
            raise ValueError(
                f"the engine {options.engine} runs blocks on the CPU: --device cuda is for "
                f"{ONNX} and inductor"
            )
    if options.engine != ONNX:
        _compilers(options)


def plan_engines(
    sources: Sequence[BlockSource],
    options: EngineOptions,
    folder: Path,
    *,
    verify: bool = True,
    tolerances: Tolerances = END_TO_END,
    say: Callable[[str], None] = lambda _: None,
) -> EnginePlan:
    """Compile the blocks and decide where each runs; artifacts are written below ``folder``.

    Without ``verify`` artifacts are not compared with ONNX Runtime (``auto`` always does).
    Raises ValueError for an engine that there is not, EngineMissing for one that is not installed.
    """
    if options.engine == ONNX:
        absent = _absent(options)
        return EnginePlan(options, foreign=bool(absent), absent=absent)
    compilers, absent = _compilers(options)
    folder.mkdir(parents=True, exist_ok=True)
    candidates = _Candidates(sources, options, folder, tolerances)
    support: dict[str, Mapping[str, Path]] = {}
    foreign = False
    for compiler in compilers:
        say(f"{compiler.name}: compiling {len(sources)} blocks")
        candidates.compile(compiler)
        support[compiler.name] = files = compiler.support()
        if not compiler.runs_here():
            foreign = True
        elif verify or options.engine == AUTO:
            candidates.try_all(compiler.name, next(iter(files.values())).parent if files else None)
    suffixes = {compiler.name: compiler.suffix for compiler in compilers}
    choices, built = {}, {}
    for source in sources:
        choice = _choice(source, candidates, options)
        choices[source.name] = choice
        if choice.engine != ONNX:
            artifact = candidates.built[source.name][choice.engine]
            built[source.name] = (choice.engine, suffixes[choice.engine], artifact)
    notes = tuple(f"{name} does not take part: {reason}" for name, reason in absent.items())
    plan = EnginePlan(options, {}, choices, support, foreign=foreign, notes=notes)
    return plan.with_built(built)


def _absent(options: EngineOptions) -> str:
    """Why ONNX Runtime cannot run blocks on the device here; empty if it can."""
    try:
        make_engine(ONNX, device=options.device)
    except EngineMissing as error:
        return str(error).partition("\n")[0]
    return ""


def _compilers(options: EngineOptions) -> tuple[list[BlockCompiler], dict[str, str]]:
    """The compilers to use; with ``auto`` those that are installed, and why others are not."""
    if options.engine != AUTO:
        compiler = block_compiler(options.engine, options)
        compiler.require()
        return [compiler], {}
    found: list[BlockCompiler] = []
    absent: dict[str, str] = {}
    for name in engine_names():
        if name == ONNX:
            continue
        try:
            compiler = block_compiler(name, options)
            compiler.require()
        except EngineMissing as error:
            absent[name] = str(error)
        else:
            found.append(compiler)
    return found, absent


def _choice(source: BlockSource, candidates: _Candidates, options: EngineOptions) -> Choice:
    refused = candidates.refused[source.name]
    built = candidates.built[source.name]
    if options.engine != AUTO:
        return Choice(options.engine if options.engine in built else ONNX, {}, refused)
    if not source.examples:
        return Choice(ONNX, {}, {**refused, AUTO: "there is no input to time it with"})
    try:
        candidates.reference(source)
        runs = {name: run for name, run in candidates.runs[source.name].items() if name in {ONNX, *built}}
        seconds = times_of(runs, source.examples)
    except DynccError as error:
        return Choice(ONNX, {}, {**refused, AUTO: str(error)})
    fastest = min(seconds, key=lambda name: (seconds[name], name != ONNX))
    return Choice(fastest, seconds, refused)

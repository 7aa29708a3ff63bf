"""From what the command line names to what is measured: compile, make the calls, find their ways."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dyncc.compiler.bench.calls import Call
from dyncc.compiler.bench.contenders import Model
from dyncc.compiler.bench.exported import ExportFailed, export_script
from dyncc.compiler.bench.measure import Built, Subject
from dyncc.compiler.bench.oracle import Ways, find_ways
from dyncc.compiler.diagnostics import CompileError
from dyncc.runtime import DynccError, read_bundle
from dyncc.runtime.program import Program, Return


@dataclass(frozen=True)
class Source:
    """A network with its calls. ``compile`` makes its bundle in a folder; it may raise CompileError."""

    model: Model
    calls: Sequence[Call]
    compile: Callable[[Path], Any]
    engines: Mapping[str, Callable[[Path], Any]] = field(default_factory=dict[str, Callable[[Path], Any]])
    """The same for other engines, by their names."""
    also: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Finished bundles of the network, say pruned ones, by their names."""


def subject_of_source(source: Source, folder: Path, threads: int, say: Callable[[str], None]) -> Subject:
    """Compile ``source`` into ``folder``, find the ways of its calls. A refusal is part of the result."""
    bundle, refused = folder / "model.dyncc", ""
    say("compiling dyncc")
    started = time.perf_counter()
    try:
        source.compile(bundle)
    except CompileError as error:
        codes = ", ".join(dict.fromkeys(d.code for d in error.diagnostics if d.code))
        refused = f"refused: {error.diagnostics[0].message} ({codes})"
    seconds = time.perf_counter() - started
    model = source.model.load()
    ways = Ways(failed="there is no compiled program to take the ways from")
    if not refused:
        say("exporting oracle")
        ways = find_ways(bundle, source.calls, model, folder, threads)
    script, script_refused = folder / "script.onnx", ""
    try:
        export_script(model, source.calls[0], script)
    except ExportFailed as error:
        script_refused = f"refused: {error}"
    return Subject(
        calls=source.calls,
        model=source.model,
        bundle=None if refused else bundle,
        refused=refused,
        ways=ways,
        fresh=bool(refused) or _writes(bundle),
        stateful=bool(refused) or _stateful(bundle),
        compile_seconds=seconds,
        weight_bytes=_weight_bytes(model),
        script_onnx=None if script_refused else script,
        script_refused=script_refused,
        engines={}
        if refused
        else {
            **{name: _built(name, source, folder, say) for name in source.engines},
            **{name: Built(path, approximate=True) for name, path in source.also.items()},
        },
    )


def _built(name: str, source: Source, folder: Path, say: Callable[[str], None]) -> Built:
    """The program for another engine. What it raises says why it does not take part."""
    say(f"compiling dyncc {name}")
    bundle = folder / f"{name}.dyncc"
    started = time.perf_counter()
    try:
        net = source.engines[name](bundle)
    except (CompileError, DynccError, ValueError) as error:
        return Built(bundle, str(error).partition("\n")[0])
    counts = Counter(choice.engine for choice in net.report.engines.choices.values())
    notes = {f"in {engine}": number for engine, number in counts.items()}
    return Built(bundle, "", time.perf_counter() - started, notes)


def subject_of_bundle(bundle: Path, calls: Sequence[Call], folder: Path, threads: int) -> Subject:
    """A bundle alone: there is no network to run otherwise, but for the oracle."""
    ways = find_ways(bundle, calls, None, folder, threads)
    return Subject(calls, None, bundle, "", ways, _writes(bundle), _stateful(bundle))


def _program(bundle: Path) -> Program[Any]:
    return read_bundle(bundle).manifest.program


def _writes(bundle: Path) -> bool:
    """Whether a call may change its arguments."""
    return any(
        isinstance(block.terminator, Return) and block.terminator.writes
        for block in _program(bundle).blocks.values()
    )


def _stateful(bundle: Path) -> bool:
    program = _program(bundle)
    return len(program.states) > 1 or any(state.cells for state in program.states)


def _weight_bytes(model: Any) -> int | None:
    """What the network's weights take, each once."""
    from dyncc.compiler.cli.discover import network_of

    network = network_of(model)
    if network is None:
        return None
    storages: Mapping[int, int] = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in (*network.parameters(), *network.buffers())
    }
    return sum(storages.values())

"""``dyncc bench FILE|BUNDLE``: what the compiled program gains over the other ways to run the network."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dyncc.compiler.cli.bundles import existing
from dyncc.compiler.cli.compile_command import CompileOptions, compile_target, prepare, require_packages
from dyncc.compiler.cli.console import Console
from dyncc.compiler.cli.exits import usage

if TYPE_CHECKING:
    from dyncc.compiler.bench.results import Benchmark


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """The command line of ``dyncc bench``, as it was given."""

    target: str
    inputs: tuple[str, ...] = ()
    inputs_from: str | None = None
    weights: Path | None = None
    dynamic: tuple[str, ...] = ()
    threads: int | None = None
    passes: str | None = None
    seconds: float = 2.0
    starts: int = 3
    limit: float = 300.0
    without: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    """Other engines to compile for, beside ONNX Runtime; ``all`` are those that there are, and ``auto``."""
    also: tuple[Path, ...] = ()
    """Finished bundles of the network."""
    report: Path | None = None
    """Where the page goes."""


def run_bench(options: BenchOptions, console: Console) -> None:
    """The whole command. Raises CliError; a contender that cannot run is part of the result."""
    if options.report is not None and not options.report.absolute().parent.is_dir():
        raise usage(f"there is no folder {options.report.parent} for --report")
    result = benchmark(options, console)
    from dyncc.compiler.bench.render import text

    if options.report is not None:
        from dyncc.compiler.bench.page import page

        options.report.write_text(page(result), encoding="utf-8")
        console.say(f"wrote     {options.report}")
    console.product(text(result), result.json())


def benchmark(options: BenchOptions, console: Console) -> Benchmark:
    """Make everything ready and measure."""
    from dyncc.compiler.bench.contenders import CONTENDERS
    from dyncc.compiler.bench.measure import Measuring, Settings
    from dyncc.compiler.bench.results import summarize

    threads = options.threads or _cores()
    without = frozenset(options.without)
    if unknown := sorted(without - set(CONTENDERS)):
        raise usage(f"there is no contender `{unknown[0]}`", f"one of {', '.join(CONTENDERS)}")
    settings = Settings(threads, options.seconds, options.starts, options.limit, without)
    with tempfile.TemporaryDirectory(prefix="dyncc-bench-") as name:
        folder = Path(name)
        subject = _subject(options, threads, folder, console)
        entries = Measuring(subject, settings, folder, console.say).run()
        return summarize(
            Path(options.target.rpartition(".py")[0] or options.target).name, subject, settings, entries
        )


def _subject(options: BenchOptions, threads: int, folder: Path, console: Console) -> Any:
    from dyncc.compiler.bench import subject as subjects
    from dyncc.compiler.bench.inputs import kept_calls

    if Path(options.target).is_dir():
        if options.also:
            raise usage("--also is beside a model: dyncc bench FILE.py --also BUNDLE")
        bundle = existing(Path(options.target))
        calls = _calls(options) or kept_calls(bundle)
        if not calls:
            raise usage(
                "the bundle keeps no example that could be timed", "name one: --input x=1x3x32x32:f32"
            )
        return subjects.subject_of_bundle(bundle, calls, folder, threads)
    require_packages()
    return subjects.subject_of_source(_source(options, console), folder, threads, console.say)


def _source(options: BenchOptions, console: Console) -> Any:
    from dyncc.compiler.bench.calls import Call, pack
    from dyncc.compiler.bench.contenders import Model
    from dyncc.compiler.bench.inputs import default_calls
    from dyncc.compiler.bench.subject import Source
    from dyncc.compiler.cli.discover import discover

    named = _calls(options)
    compiling = CompileOptions(
        target=options.target,
        inputs=options.inputs,
        inputs_file=_archive(options.inputs_from),
        weights=options.weights,
        dynamic=options.dynamic,
        threads=options.threads,
        passes=options.passes,
    )
    target = discover(options.target)
    if isinstance(target.model, dict):
        raise usage(
            "several methods cannot be timed at once", f"name one: dyncc bench {options.target}:NAME"
        )
    engines = _engines(options)
    example = prepare(compiling, target, console)
    calls = named or default_calls(target.module) or [Call(pack(example.args), pack(example.kwargs))]
    return Source(
        Model(options.target, options.weights),
        calls,
        lambda output: compile_target(compiling, target, example, output),
        {name: partial(_for_engine, name, compiling, target, example) for name in engines},
        _also(options, engines),
    )


def _also(options: BenchOptions, engines: Sequence[str]) -> dict[str, Path]:
    """The bundles of ``--also`` by their names. Raises a usage error for what is none."""
    found: dict[str, Path] = {}
    for path in options.also:
        bundle = existing(path)
        if bundle.stem in found or bundle.stem in engines:
            raise usage(f"two contenders are called `{bundle.stem}`", "rename a bundle")
        found[bundle.stem] = bundle
    return found


def _engines(options: BenchOptions) -> Sequence[str]:
    """The engines beside ONNX Runtime. Raises a usage error for a name that is none."""
    from dyncc.compiler.engines import AUTO
    from dyncc.compiler.engines.base import engine_names

    known = [name for name in engine_names() if name != "onnxruntime"] + [AUTO]
    wanted = known if "all" in options.engines else [n for n in options.engines if n != "onnxruntime"]
    if unknown := [name for name in wanted if name not in known]:
        raise usage(f"there is no engine `{unknown[0]}`", f"one of all, onnxruntime, {', '.join(known)}")
    return list(dict.fromkeys(wanted))


def _for_engine(name: str, compiling: CompileOptions, target: Any, example: Any, output: Path) -> Any:
    return compile_target(replace(compiling, engine=name), target, example, output)


def _calls(options: BenchOptions) -> Sequence[Any]:
    """The calls of ``--inputs FILE.py:FUNCTION``; none where it is not given."""
    from dyncc.compiler.bench.inputs import function_calls, specified_call

    text = options.inputs_from
    if text is None and not options.inputs:
        return ()
    archive = _archive(text)
    if text is None or archive is not None:
        return [specified_call(options.inputs, archive)]
    path, colon, function = text.rpartition(":")
    if not colon or not path.endswith(".py"):
        raise usage(f"cannot read `--inputs {text}`", "--inputs FILE.npz, or --inputs FILE.py:FUNCTION")
    return function_calls(Path(path), function)


def _archive(text: str | None) -> Path | None:
    """The file of ``--inputs`` where it is one of arrays."""
    return Path(text) if text is not None and Path(text).suffix in (".npz", ".npy") else None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

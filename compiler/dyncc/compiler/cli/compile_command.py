"""``dyncc FILE[:ENTRY]``: find the model and its inputs, compile, say what was done."""

from __future__ import annotations

import contextlib
import io
import logging
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from dyncc.compiler.cli.console import Console
from dyncc.compiler.cli.exits import missing, usage
from dyncc.compiler.cli.usercode import display, python_file, split_entry

if TYPE_CHECKING:
    from dyncc.compiler.cli.discover import Target
    from dyncc.compiler.cli.prepare import Call
    from dyncc.compiler.pruning.bundle import Prune

NEEDED = {"torch": "compiler", "onnx": "compiler", "onnxscript": "compiler", "onnx_ir": "compiler"}


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """The command line of ``dyncc compile``, as it was given."""

    target: str
    output: Path | None = None
    inputs: tuple[str, ...] = ()
    inputs_file: Path | None = None
    weights: Path | None = None
    dynamic: tuple[str, ...] = ()
    threads: int | None = None
    keep_mode: bool = False
    verify: bool = True
    passes: str | None = None
    dump_ir: Path | None = None
    verify_each: bool = False
    force: bool = False
    prune: Prune | float | Callable[[Target, Call], Prune] | None = None
    engine: str = "onnxruntime"
    device: str = "cpu"
    precision: str = "fp32"
    processor: str | None = None
    tune: int = 0
    report: bool = True
    profile: Path | None = None
    max_seconds: float | None = None
    max_blocks: int | None = None


def run_compile(options: CompileOptions, console: Console) -> None:
    """The whole command. Raises CliError or CompileError."""
    started = time.perf_counter()
    require_packages()
    from dyncc.compiler.cli.discover import discover

    check_passes(options.passes)
    if not callable(options.prune):
        checked_prune(options.prune)
    checked_engine(options)
    checked_precision(options)
    output = output_path(options, python_file(split_entry(options.target)[0]))
    target = discover(options.target)
    call = prepare(options, target, console)
    with forced(output, options.force) as made:
        net = compile_target(options, target, call, made, console.verbosity > 0)
    report = replace(net.report, path=output)
    from dyncc.compiler.cli.report import report_json, report_text

    console.show(report.warnings)
    console.say(report_text(report, time.perf_counter() - started, console.verbosity > 0))
    console.product(str(report.path), report_json(report))


def require_packages() -> None:
    """Raises (exit code 4) where a package that compiling needs is not installed."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        names = ", ".join(f"`{name}`" for name in absent)
        raise missing(f"compiling needs {names}", "pip install 'dyncc[compiler,cpu]'")
    if find_spec("onnxruntime") is None:
        raise missing("no engine is installed", "pip install 'dyncc[cpu]'   (or 'dyncc[gpu]' for CUDA)")


def check_passes(text: str | None) -> None:
    """Raises a usage error where ``--passes`` does not parse: before the model is built."""
    from dyncc.passes.pipeline import PipelineError, parse_pipeline

    try:
        parse_pipeline(text or "")
    except PipelineError as error:
        raise usage(f"--passes: {error}") from None


def checked_prune(prune: Prune | float | None) -> Prune | None:
    """What is to be removed. Raises a usage error for a ratio that there cannot be."""
    from dyncc.compiler.cli.prune_command import refused
    from dyncc.compiler.pruning.bundle import Prune
    from dyncc.passes.prune.errors import PruneError
    from dyncc.passes.prune.selection import Selection

    if not isinstance(prune, int | float):
        return prune
    try:
        return Prune(Selection(ratio=prune))
    except PruneError as error:
        raise refused(error) from error


def prune_of(options: CompileOptions, target: Target, call: Call) -> Prune | None:
    """What is to be removed, where the model says so. Raises what refuses it."""
    from dyncc.compiler.cli.prune_command import refused
    from dyncc.passes.prune.errors import PruneError

    if not callable(options.prune):
        return checked_prune(options.prune)
    try:
        return options.prune(target, call)
    except PruneError as error:
        raise refused(error) from error


def checked_engine(options: CompileOptions) -> Any:
    """What is asked of engines. Raises a usage error for what there is not, EngineMissing (exit code 4)."""
    from dyncc.compiler.engines import EngineOptions, require_engine

    asked = EngineOptions(options.engine, options.processor, options.tune, options.threads, options.device)
    if options.engine not in ("tvm", "auto") and (options.processor or options.tune):
        raise usage("--target and --tune are for --engine tvm")
    try:
        require_engine(asked)
    except ValueError as error:
        raise usage(str(error)) from None
    return asked


def checked_precision(options: CompileOptions) -> str:
    """The precision's name in the compiler. Raises a usage error for what there is not."""
    names = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
    if options.precision not in (*names, *names.values()):
        raise usage(f"there is no precision `{options.precision}`", f"one of {', '.join(names)}")
    precision = names.get(options.precision, options.precision)
    if precision == "bfloat16" and options.device == "cpu":
        raise usage("--precision bf16 is for --device cuda", "on the CPU there is --precision fp16")
    return precision


def output_path(options: CompileOptions, file: Path) -> Path:
    """Where the bundle goes. Raises a usage error rather than replace what is no bundle."""
    from dyncc.compiler.bundle import NotABundleError, check_target

    output = options.output or file.with_suffix(".dyncc")
    if not output.absolute().parent.is_dir():
        raise usage(f"no such folder: {output.absolute().parent}", notes=["named by --output"])
    needed = next(
        (path for path in (file.resolve(), Path.cwd()) if path.is_relative_to(output.resolve())), None
    )
    if needed is not None:  # --force would delete it
        what = (
            "the model's own file"
            if needed == output.resolve()
            else f"a folder that holds {display(needed)}"
        )
        raise usage(
            f"the bundle cannot take the place of {output}: it is {what}", "-o DIR names another place"
        )
    try:
        check_target(output)
    except NotABundleError as error:
        if not options.force:
            raise usage(str(error), "-o DIR names another, --force replaces it") from None
    return output


@contextlib.contextmanager
def forced(output: Path, force: bool) -> Generator[Path]:
    """Where to compile to: under ``--force`` a folder beside ``output`` that takes its place at the end."""
    if not force or not output.exists():
        yield output
        return
    with tempfile.TemporaryDirectory(dir=output.absolute().parent, prefix=f".{output.name}.") as beside:
        yield Path(beside) / output.name
        shutil.rmtree(output) if output.is_dir() and not output.is_symlink() else output.unlink()
        (Path(beside) / output.name).rename(output)


def prepare(options: CompileOptions, target: Target, console: Console) -> Call:
    """Weights, mode and example inputs."""
    from dyncc.compiler.cli.prepare import example_call
    from dyncc.compiler.cli.weights import load_weights

    if options.weights:
        load_weights(target, options.weights)
    network = target.network
    if network is not None and not options.keep_mode:
        if network.training and options.weights is None and not target.found.startswith("the only"):
            console.detail(
                "the model was in training mode; compiled in eval() mode (--keep-mode leaves it)"
            )
        network.eval()
    call = example_call(target, options.inputs, options.inputs_file)
    console.say(f"found     {target.found}, inputs from {call.found}")
    return call


def compile_target(
    options: CompileOptions, target: Target, call: Call, output: Path, verbose: bool = False
) -> Any:
    """Call the compiler. What the user's code prints goes to stderr, what PyTorch logs is for ``-v``."""
    from dyncc.compiler.cli.prepare import dynamic_shapes, further_calls
    from dyncc.compiler.cli.profile import profile_calls

    shapes = dynamic_shapes(target, call, options.dynamic)
    arguments: dict[str, Any] = {
        "kwargs": call.kwargs or None,
        "dynamic_shapes": shapes,
        "output": output,
        "threads": options.threads,
        "verify": options.verify,
        "passes": options.passes,
        "dump_ir": options.dump_ir,
        "verify_each": options.verify_each,
        "prune": prune_of(options, target, call),
        "engine": checked_engine(options),
        "precision": checked_precision(options),
        "command": command_line(),
        "examples": further_calls(target),
        "report": options.report,
        "limits": limits_of(options),
        "profile": profile_calls(target, call, options.profile, bool(shapes)) if options.profile else (),
    }
    with contextlib.nullcontext() if verbose else silent_logging(), said_once(verbose):
        return compiler()(target.model, call.args, **arguments)


def limits_of(options: CompileOptions) -> Any:
    """How far to specialize. Raises CliError for numbers that are none."""
    from dyncc.compiler.specialize import Limits

    wanted = {"seconds": options.max_seconds, "blocks": options.max_blocks}
    given = {name: value for name, value in wanted.items() if value is not None}
    if any(value <= 0 for value in given.values()):
        raise usage("`--max-seconds` and `--max-blocks` take numbers above 0")
    return Limits(**given)  # type: ignore[arg-type]


@contextlib.contextmanager
def said_once(verbose: bool) -> Generator[None]:
    """What the model prints goes to stderr; unless ``verbose`` each line once, since the checks call the
    model many times."""
    if verbose:
        with contextlib.redirect_stdout(sys.stderr):
            yield
        return
    stream = Once(sys.stderr)
    try:
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            yield
    finally:
        if stream.rest:
            stream.write("\n")
        if stream.repeated:
            lines = "a line" if stream.repeated == 1 else f"{stream.repeated} lines"
            sys.stderr.write(f"the model printed {lines} more that it had printed before (-v shows them)\n")


class Once(io.TextIOBase):
    """A stream that passes each different line on once."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.seen: set[str] = set()
        self.rest = ""
        self.repeated = 0

    def write(self, text: str) -> int:
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            if line in self.seen:
                self.repeated += 1
            else:
                self.seen.add(line)
                self.stream.write(f"{line}\n")
        return len(text)

    def flush(self) -> None:
        self.stream.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.stream.isatty()

    def close(self) -> None:
        """Not the stream below: it belongs to the process."""


@contextlib.contextmanager
def silent_logging() -> Generator[None]:
    """Without log lines: PyTorch logs failures of its own that become diagnostics here."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(disabled)


def compiler() -> Callable[..., Any]:
    """``dyncc.compiler.compile``; a place of its own so that tests can put another there."""
    from dyncc.compiler.api import compile as compile_model

    return compile_model


def command_line() -> str:
    """The command to run again, as it stands in the bundle."""
    return shlex.join(["dyncc", *sys.argv[1:]])

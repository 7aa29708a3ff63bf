"""The commands and their options. What they do is in the modules beside this one, imported when needed.

``dyncc --help`` imports no torch (tested).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from dyncc.compiler.cli.command_line import route, usage_error
from dyncc.compiler.cli.console import Console
from dyncc.compiler.cli.engine_flags import (
    Device,
    Engine,
    Engines,
    Fallback,
    ForDevice,
    Precision,
    Processor,
    Tune,
)
from dyncc.compiler.cli.exits import Exit
from dyncc.compiler.cli.options import (
    Bundle,
    Dynamic,
    Force,
    Inputs,
    InputsFile,
    Json,
    NoVerify,
    Passes,
    Quiet,
    Threads,
    Verbose,
    Weights,
    epilog,
    make_console,
)

HELP = """The compiler for dynamic neural networks: plain PyTorch in, a bundle out that runs without torch.

\b
dyncc FILE.py              compile the model of a file; writes FILE.dyncc beside it
dyncc FILE.py:Net.method   compile what is named
dyncc COMMAND -h           the options of a command; `dyncc compile -h` those of compiling
"""


class ImplicitCompile(TyperGroup):
    """``dyncc model.py`` means ``dyncc compile model.py``; ``dyncc -v run …`` means ``dyncc run -v …``."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        return super().parse_args(ctx, route(args, self.commands))  # type: ignore[arg-type]


app = typer.Typer(
    name="dyncc",
    cls=ImplicitCompile,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run_app(arguments: Sequence[str]) -> None:
    """Parse and run; ends with SystemExit."""
    from dyncc.compiler.cli import prune_app

    prune_app.register(app)
    with Console(as_json="--json" in arguments).reporting():
        try:
            code = app(list(arguments) or ["--help"], prog_name="dyncc", standalone_mode=False)
        except Exception as error:
            if not hasattr(error, "format_message"):
                raise
            raise usage_error(error) from None
    raise SystemExit(code or 0)


def _version(value: bool) -> None:
    if value:
        from dyncc.compiler.cli.doctor import version_of

        typer.echo(f"dyncc {version_of('dyncc')}")
        raise typer.Exit


@app.callback(help=HELP, epilog=epilog())
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """``dyncc`` itself; :data:`HELP` is what people read."""


@app.command(
    "compile",
    epilog=epilog(
        "dyncc model.py",
        "dyncc model.py:Net --input x=1x3x32x32:f32 --dynamic x=0 -o net.dyncc",
        "dyncc model.py:Net.decode --input tokens=prompt.npy --weights trained.pt",
    ),
)
def compile_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="FILE[:ENTRY]",
            help="A Python file, and in it a class, Class.method, function or object; "
            "without ENTRY the model is looked for.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="The bundle; default: FILE.dyncc beside FILE."),
    ] = None,
    inputs: Inputs = None,
    inputs_file: InputsFile = None,
    weights: Weights = None,
    dynamic: Dynamic = None,
    threads: Threads = None,
    train: Annotated[
        bool,
        typer.Option("--keep-mode", help="Compile the model in the mode it is in; default: eval()."),
    ] = False,
    no_verify: NoVerify = False,
    passes: Passes = None,
    dump_ir: Annotated[
        Path | None,
        typer.Option("--dump-ir", metavar="DIR", help="Write the program's text after each step."),
    ] = None,
    verify_each: Annotated[
        bool, typer.Option("--verify-each", help="Check the program's rules between passes.")
    ] = False,
    prune: Annotated[
        float | None,
        typer.Option(
            "--prune", metavar="R", help="Remove this share of the channels; `dyncc prune` has more."
        ),
    ] = None,
    engine: Engine = "onnxruntime",
    device: ForDevice = "cpu",
    precision: Precision = "fp32",
    processor: Processor = None,
    tune: Tune = 0,
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile",
            metavar="FILE.npz",
            help="Calls to count in the report: an array for each input, the calls along its first axis.",
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.html.")] = False,
    max_seconds: Annotated[
        float | None,
        typer.Option("--max-seconds", metavar="N", help="Specialize for so long at most; default: 90."),
    ] = None,
    max_blocks: Annotated[
        int | None,
        typer.Option("--max-blocks", metavar="N", help="Into so many blocks at most; default: 1500."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Compile a model into a bundle.

    The word `compile` may be left out. The inputs come from `example_inputs()` or `get_inputs()` in the
    file, or from --input; further calls to check with from `check_inputs()`, and sizes that are free from
    --dynamic or `dynamic_shapes()`.
    """
    console = make_console(as_json, verbose, quiet)
    with console.reporting():
        from dyncc.compiler.cli.compile_command import CompileOptions, run_compile

        options = CompileOptions(
            target=model,
            output=output,
            inputs=tuple(inputs or ()),
            inputs_file=inputs_file,
            weights=weights,
            dynamic=tuple(dynamic or ()),
            threads=threads,
            keep_mode=train,
            verify=not no_verify,
            passes=passes,
            dump_ir=dump_ir,
            verify_each=verify_each,
            force=force,
            prune=prune,
            engine=engine,
            device=device,
            precision=precision,
            processor=processor,
            tune=tune,
            report=not no_report,
            profile=profile,
            max_seconds=max_seconds,
            max_blocks=max_blocks,
        )
        run_compile(options, console)


@app.command(
    "run",
    epilog=epilog(
        "dyncc run model.dyncc --input x=photo.npy",
        "dyncc run model.dyncc --input x=1x3x32x32:f32 --input k=3:int --json",
        "dyncc run model.dyncc --inputs call.npz -o outputs.npz",
    ),
)
def run_command(
    bundle: Bundle,
    inputs: Inputs = None,
    inputs_file: InputsFile = None,
    method: Annotated[
        str | None,
        typer.Option("--method", metavar="NAME", help="Which method, where the bundle has several."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.npz", help="Write the outputs there.")
    ] = None,
    threads: Threads = None,
    device: Device = None,
    fallback: Fallback = False,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="Begin with these random numbers; else others each time."),
    ] = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Run a bundle and print its outputs.

    Needs no torch. With --json: the method, the seconds, the blocks that the call entered, and the outputs
    by their places, a tensor as its dtype, its shape and its data in row-major order (NaN and infinities as
    text).
    """
    console = make_console(as_json, verbose, quiet)
    with console.reporting():
        from dyncc.compiler.cli.run_command import RunOptions, run_bundle

        options = RunOptions(
            bundle, tuple(inputs or ()), inputs_file, method, output, threads, device, fallback, seed
        )
        run_bundle(options, console)


@app.command(
    "bench",
    epilog=epilog(
        "dyncc bench model.py",
        "dyncc bench model.py --inputs calls.py:held_out --without torch.compile",
        "dyncc bench model.py --report bench.html",
        "dyncc bench model.dyncc   # of a bundle alone: no eager, which needs the Python file",
    ),
)
def bench_command(
    target: Annotated[
        str, typer.Argument(metavar="FILE[:ENTRY]|BUNDLE", help="What to compile and time, or a bundle.")
    ],
    inputs: Inputs = None,
    inputs_from: Annotated[
        str | None,
        typer.Option(
            "--inputs",
            metavar="FILE.npz|FILE.py:FUNCTION",
            help="The call to time, or a function that returns a list of calls; "
            "default: bench_inputs() of the model's file, else its example.",
        ),
    ] = None,
    weights: Weights = None,
    dynamic: Dynamic = None,
    passes: Passes = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", min=1, metavar="N", help="Threads of each contender; default: all cores."
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.0, metavar="S", help="How long each contender is timed.")
    ] = 2.0,
    starts: Annotated[
        int, typer.Option("--starts", min=1, metavar="N", help="How often each process is started anew.")
    ] = 3,
    limit: Annotated[
        float,
        typer.Option(
            "--limit", min=1.0, metavar="S", help="Seconds that a contender may take to be ready."
        ),
    ] = 300.0,
    engines: Engines = None,
    also: Annotated[
        list[Path] | None,
        typer.Option(
            "--also",
            metavar="BUNDLE",
            help="Time this bundle of the network too, a pruned one, say, whatever it answers.",
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="NAME", help="A contender to leave out: torch.compile, …"),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE.html", help="Write a page with plots of the figures, too."),
    ] = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Time a model: its bundle against eager PyTorch and others.

    Eager PyTorch, torch.compile, TorchScript, TorchScript as ONNX, and of each path one ONNX graph without
    decisions; each in a process of its own, taking turns.
    """
    console = make_console(as_json, verbose, quiet)
    with console.reporting():
        from dyncc.compiler.cli.bench_command import BenchOptions, run_bench

        options = BenchOptions(
            target=target,
            inputs=tuple(inputs or ()),
            inputs_from=inputs_from,
            weights=weights,
            dynamic=tuple(dynamic or ()),
            threads=threads,
            passes=passes,
            seconds=seconds,
            starts=starts,
            also=tuple(also or ()),
            limit=limit,
            without=tuple(without or ()),
            engines=tuple(engines or ()),
            report=report,
        )
        run_bench(options, console)


@app.command("inspect", epilog=epilog("dyncc inspect model.dyncc", "dyncc inspect model.dyncc --json"))
def inspect_command(
    bundle: Bundle, as_json: Json = False, verbose: Verbose = False, quiet: Quiet = False
) -> None:
    """Show what is in a bundle.

    Methods, blocks, edges, sizes, what was fixed, and the source lines. Loads no engine.
    """
    console = make_console(as_json, verbose, quiet)
    with console.reporting():
        from dyncc.compiler.cli.inspect_command import inspect_bundle

        inspect_bundle(bundle, console)


@app.command("verify", epilog=epilog("dyncc verify model.dyncc"))
def verify_command(
    bundle: Bundle,
    threads: Threads = None,
    device: Device = None,
    fallback: Fallback = False,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Check a bundle against the examples kept in it.

    Runs their inputs and compares with the outputs kept beside them. Needs no torch.
    """
    console = make_console(as_json, verbose, quiet)
    with console.reporting():
        from dyncc.compiler.cli.verify_command import verify_bundle

        verify_bundle(bundle, console, threads=threads, device=device, fallback=fallback)


@app.command("explain", epilog=epilog("dyncc explain DY103", "dyncc explain   # all of them"))
def explain_command(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="A code such as DY103; without: all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Explain a diagnostic.

    What it means, a program that is refused and the same program repaired.
    """
    console = Console(0, as_json)
    with console.reporting():
        from dyncc.compiler.cli.explain import explain

        explain(code, console)


@app.command("doctor", epilog=epilog("dyncc doctor"))
def doctor_command(as_json: Json = False) -> None:
    """Say which engines load here.

    What is installed, which engines really run a model, and what is in conflict. Exit code 4 if none runs.
    """
    console = Console(0, as_json)
    with console.reporting():
        from dataclasses import asdict

        from dyncc.compiler.cli.doctor import examine, has_engine, render_findings

        findings = examine()
        console.product(render_findings(findings), [asdict(finding) for finding in findings])
        if not has_engine(findings):
            console.say("\nno engine can run a bundle here")
            raise SystemExit(int(Exit.MISSING))

"""The options and arguments that commands share, each defined once, and the text under a command's help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dyncc.compiler.cli.console import Console
from dyncc.compiler.cli.exits import MEANING, usage

EXIT_CODES = "\n".join(f"  {int(code)}  {text}" for code, text in MEANING.items())


def epilog(*examples: str) -> str:
    """What stands under a command's help: examples of it, and the exit codes."""
    lines = [f"  {example}" for example in examples]
    head = ["\b\nExamples:\n" + "\n".join(lines)] if lines else []
    return "\n\n".join([*head, f"\b\nExit codes:\n{EXIT_CODES}"])


Json = Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more; show tracebacks.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME=VALUE",
        help="An input: x=1x3x32x32:f32 (random), x=photo.npy, k=3:int, flag=true:bool, mode=mean:str.",
    ),
]
InputsFile = Annotated[
    Path | None,
    typer.Option("--inputs", metavar="FILE.npz", help="Inputs by name, as `numpy.savez` writes."),
]
Bundle = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A folder that dyncc wrote.")]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, metavar="N", help="Threads of the engine; default: all cores."),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights", metavar="FILE", help="A state dict: .safetensors, or .pt without pickled code."
    ),
]
Dynamic = Annotated[
    list[str] | None,
    typer.Option(
        "--dynamic",
        metavar="NAME=DIM,…",
        help="Sizes that may differ from call to call: x=0,2; named to be equal: x=0:batch; "
        "with a range: x=1:length:1-512.",
    ),
]
Passes = Annotated[
    str | None,
    typer.Option(
        "--passes",
        metavar="TEXT",
        help="The passes to run, in the place of the default ones: a,b{option=1}.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace the output even if it is no bundle of dyncc's.")
]
NoVerify = Annotated[bool, typer.Option("--no-verify", help="Skip the checks of the result.")]


def make_console(as_json: bool, verbose: bool, quiet: bool) -> Console:
    """The console that the flags ask for. Raises (as SystemExit) where they contradict each other."""
    if verbose and quiet:
        console = Console()
        with console.reporting():
            raise usage("-v and -q contradict each other")
    return Console(1 if verbose else -1 if quiet else 0, as_json)

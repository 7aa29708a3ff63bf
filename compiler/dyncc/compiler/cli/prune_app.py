"""The commands ``dyncc prune`` and ``dyncc groups``; what they do is in ``prune_command``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dyncc.compiler.cli.app import EPILOG, Inputs, Json, Quiet, Verbose, _console, app

Net = Annotated[
    str,
    typer.Argument(
        metavar="NET", help="An ONNX file of any framework, or FILE.py[:ENTRY] as for `dyncc compile`."
    ),
]


def register() -> None:
    """Add the commands, once."""
    if not any(command.name == "prune" for command in app.registered_commands):
        app.command("prune", epilog=EPILOG)(prune_command)
        app.command("groups")(groups_command)


def prune_command(
    net: Net,
    ratio: Annotated[
        float | None,
        typer.Option("--ratio", metavar="R", help="The share of channels to remove, in [0, 1)."),
    ] = None,
    parameters: Annotated[
        float | None,
        typer.Option("--params", metavar="S", help="Keep at most this share of the parameters."),
    ] = None,
    flops: Annotated[
        float | None, typer.Option("--flops", metavar="S", help="Keep at most this share of the FLOPs.")
    ] = None,
    criterion: Annotated[
        str,
        typer.Option("--criterion", help="What makes a channel matter: l1, l2, bn-scale, random or obspa."),
    ] = "l1",
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="FILE.npz", help="Inputs for obspa, as arrays of batches; default: made up."
        ),
    ] = None,
    aggregate: Annotated[
        str, typer.Option("--aggregate", help="Of a channel's weights: sum, mean, max or prod.")
    ] = "mean",
    normalize: Annotated[
        str, typer.Option("--normalize", help="Of a group's scores: none, sum, mean, max or standard.")
    ] = "mean",
    scope: Annotated[
        str, typer.Option("--scope", help="Compare channels within their `group`, or all: `global`.")
    ] = "group",
    minimum: Annotated[int, typer.Option("--min-channels", help="Keep so many channels of a group.")] = 1,
    multiple: Annotated[
        int, typer.Option("--multiple", help="Keep a multiple of so many channels of a group.")
    ] = 1,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="PATTERN", help="Leave groups with such a weight alone: 'head.*'."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="For what is random.")] = 0,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="A state dict for FILE.py.")
    ] = None,
    inputs: Inputs = None,
    inputs_file: Annotated[
        Path | None,
        typer.Option(
            "--inputs", metavar="FILE.npz", help="Inputs for the check, or the example inputs of FILE.py."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PATH", help="Default: NET.pruned.onnx, or FILE.dyncc."),
    ] = None,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Skip the check of the result.")] = False,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Remove channels from an ONNX file or a model.

    An ONNX file becomes a smaller one, a model a smaller bundle. The result is compared with the original
    in which the same channels are zeroed. What is pruned is never changed itself.
    """
    console = _console(as_json, verbose, quiet)
    with console.reporting():
        from dyncc.compiler.cli.prune_command import PruneOptions, run_prune

        options = PruneOptions(
            target=net,
            output=output,
            inputs=tuple(inputs or ()),
            inputs_file=inputs_file,
            weights=weights,
            data=data,
            verify=not no_verify,
            ratio=ratio,
            parameters=parameters,
            flops=flops,
            criterion=criterion,
            aggregate=aggregate,
            normalize=normalize,
            scope=scope,
            minimum=minimum,
            multiple=multiple,
            keep=tuple(keep or ()),
            seed=seed,
        )
        run_prune(options, console)


def groups_command(
    net: Annotated[Path, typer.Argument(metavar="NET.onnx", help="An ONNX file of any framework.")],
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Show the coupled channels of an ONNX file.

    Which weights share channels that must go together, and which axes stay and why.
    """
    console = _console(as_json, verbose, quiet)
    with console.reporting():
        from dyncc.compiler.cli.prune_command import list_groups

        list_groups(net, console)

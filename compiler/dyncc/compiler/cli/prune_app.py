"""The commands ``dyncc prune`` and ``dyncc groups``; what they do is in ``prune_command``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dyncc.compiler.cli.options import (
    Dynamic,
    Force,
    Inputs,
    InputsFile,
    Json,
    NoVerify,
    Quiet,
    Threads,
    Verbose,
    Weights,
    epilog,
    make_console,
)

Net = Annotated[
    str,
    typer.Argument(
        metavar="NET", help="An ONNX file of any framework, or FILE.py[:ENTRY] as for `dyncc compile`."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands, once."""
    if not any(command.name == "prune" for command in app.registered_commands):
        examples = ("dyncc prune net.onnx --ratio 0.5 -o small.onnx", "dyncc prune model.py --params 0.3")
        app.command("prune", epilog=epilog(*examples))(prune_command)
        app.command("groups", epilog=epilog("dyncc groups net.onnx", "dyncc groups model.py"))(
            groups_command
        )


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
    latency: Annotated[
        float | None,
        typer.Option("--latency", metavar="S", help="Keep at most this share of the time, measured here."),
    ] = None,
    depth: Annotated[
        float | None,
        typer.Option(
            "--depth",
            metavar="R",
            help="The share of residual branches to remove, in [0, 1): those that add least to their sums "
            "on --data, --profile, or the inputs.",
        ),
    ] = None,
    criterion: Annotated[
        str,
        typer.Option(
            "--criterion",
            metavar="NAME",
            help="What makes a channel matter: l1, l2, bn-scale, random; with --data snip, taylor, grasp, "
            "crop, obs; or obspa, which refits what is left.",
        ),
    ] = "l1",
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FILE.npz",
            help="Arrays of inputs by name, and of labels for criteria of gradients; for obspa default: "
            "made up.",
        ),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile",
            metavar="FILE.npz",
            help="Calls of a model, as for `dyncc compile`: what they use more counts for more.",
        ),
    ] = None,
    rare: Annotated[
        float | None,
        typer.Option(
            "--drop-rare",
            metavar="S",
            help="Drop the ways of decisions that at most this share, in [0, 0.5), of the profile's visits "
            "take; 0: that none takes. Ways into an exception and out of a loop stay.",
        ),
    ] = None,
    aggregate: Annotated[
        str,
        typer.Option("--aggregate", metavar="NAME", help="Of a channel's weights: sum, mean, max or prod."),
    ] = "mean",
    normalize: Annotated[
        str,
        typer.Option(
            "--normalize", metavar="NAME", help="Of a group's scores: none, sum, mean, max or standard."
        ),
    ] = "mean",
    scope: Annotated[
        str,
        typer.Option(
            "--scope", metavar="NAME", help="Compare channels within their `group`, or all: `global`."
        ),
    ] = "group",
    minimum: Annotated[
        int, typer.Option("--min-channels", metavar="N", help="Keep so many channels of a group.")
    ] = 1,
    multiple: Annotated[
        int, typer.Option("--multiple", metavar="N", help="Keep a multiple of so many channels of a group.")
    ] = 1,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="PATTERN", help="Leave groups with such a weight alone: 'head.*'."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="For what is random.")] = 0,
    weights: Weights = None,
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
    dynamic: Dynamic = None,
    threads: Threads = None,
    force: Force = False,
    no_verify: NoVerify = False,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Remove channels, or residual branches, from an ONNX file or a model.

    An ONNX file becomes a smaller one, a model a smaller bundle. The result is compared with the original
    in which the same channels are zeroed. What is pruned is never changed itself.
    """
    console = make_console(as_json, verbose, quiet)
    with console.reporting():
        from dyncc.compiler.cli.prune_command import PruneOptions, run_prune

        options = PruneOptions(
            target=net,
            output=output,
            inputs=tuple(inputs or ()),
            inputs_file=inputs_file,
            weights=weights,
            data=data,
            profile=profile,
            rare=rare,
            dynamic=tuple(dynamic or ()),
            threads=threads,
            force=force,
            verify=not no_verify,
            ratio=ratio,
            parameters=parameters,
            flops=flops,
            latency=latency,
            depth=depth,
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
    net: Net,
    weights: Weights = None,
    inputs: Inputs = None,
    inputs_file: InputsFile = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Show the coupled channels of an ONNX file or a model.

    Which weights share channels that must go together, and which axes stay and why.
    """
    console = make_console(as_json, verbose, quiet)
    with console.reporting():
        from dyncc.compiler.cli.prune_command import list_groups

        list_groups(net, tuple(inputs or ()), inputs_file, weights, console)

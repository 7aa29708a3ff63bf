"""The options about engines, which several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="What runs the blocks: onnxruntime, tvm, inductor, or auto for the fastest of each.",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Where the blocks run: cpu, cuda or cuda:1; default: what the bundle was compiled for.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="Products of matrices in fp16 or bf16; default: fp32. bf16 needs --device cuda.",
    ),
]
ForDevice = Annotated[
    str, typer.Option("--device", metavar="NAME", help="Where the blocks are to run: cpu or cuda.")
]
Fallback = Annotated[
    bool,
    typer.Option(
        "--fallback", help="Where an engine or device is missing, run in ONNX Runtime on the CPU."
    ),
]
Processor = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="MACHINE[:CPU]",
        help="With tvm: the processor, as x86_64:skylake or aarch64:cortex-a72; default: this one.",
    ),
]
Tune = Annotated[
    int,
    typer.Option("--tune", min=0, metavar="N", help="With tvm: trials in search of better schedules."),
]

Engines = Annotated[
    list[str] | None,
    typer.Option("--engine", metavar="NAME", help="Time the program in this engine too; all: in each."),
]

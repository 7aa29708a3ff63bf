"""Programs of ``tests/cases/host`` in the text form, with places taken from their blocks' notes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from dyncc.ir.parser import parse_program
from dyncc.runtime import program as p

FOLDER = Path(__file__).parents[1] / "cases" / "host"


def read_case(path: Path) -> p.Program[Any]:
    """The program of a case; a block noted ``Net.forward:14`` comes from line 14 of ``net.py``."""
    program = parse_program(path.read_text(encoding="utf-8"))
    blocks = {name: _placed(block, f"{path.stem}.py") for name, block in program.blocks.items()}
    graphs = {
        step.graph: step.graph
        for block in blocks.values()
        for step in block.steps
        if isinstance(step, p.Compute)
    }
    return replace(program, blocks=blocks, graphs=graphs)


def _placed(block: p.Block, path: str) -> p.Block:
    found = re.fullmatch(r"(.*):(\d+)", block.note)
    if found is None:
        return block
    line = int(found[2])
    span = p.Span(path, line, 9, line, 20, found[1])
    steps = tuple(replace(step, span=span) for step in block.steps)
    return replace(block, steps=steps, terminator=replace(block.terminator, span=span), spans=(span,))

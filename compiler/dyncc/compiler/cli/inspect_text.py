"""What is in a program, for people (:func:`program_text`) and for machines (:func:`program_data`)."""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dyncc.compiler.cli.report import SOURCE_WIDTH, byte_text, frozen_lines
from dyncc.compiler.cli.usercode import display
from dyncc.compiler.report.facts import Facts
from dyncc.compiler.report.text import block_line
from dyncc.compiler.report.words import count
from dyncc.ir.printer import edge_text, operand_text, parameter_text, type_text, value_text
from dyncc.runtime.host.emit import shortened
from dyncc.runtime.program import (
    Block,
    Branch,
    Compute,
    Jump,
    Program,
    Raise,
    Return,
    Span,
    Switch,
    successors,
)


def program_text(program: Program[Any], graph_bytes: Mapping[str, int], facts: Facts | None = None) -> str:
    """Methods, blocks with their edges and source lines, state, and what was fixed.

    ``facts`` add what each block costs and how often it was entered.
    """
    lines: list[str] = []
    for method in program.methods.values():
        parameters = ", ".join(parameter_text(parameter) for parameter in method.parameters)
        lines.append(f"method {method.name}({parameters})")
        lines += [f"  starts in {entry.block}" for entry in method.entries]
        for constraint in method.constraints:
            reason = f"   ({constraint.reason})" if constraint.reason else ""
            lines.append(f"  requires {constraint.expression}{reason}")
        for identity in method.identities:
            word = "one tensor" if identity.same else "different tensors"
            lines.append(f"  requires {identity.first} and {identity.second} to be {word}")
    lines += _state_lines(program)
    lines += ["", f"{count(len(program.blocks), 'block')}, {count(len(program.graphs), 'graph')}"]
    known = {block.name: block_line(block, facts) for block in facts.blocks} if facts else {}
    for block in program.blocks.values():
        first, *rest = _block_lines(block, graph_bytes)
        cost = known.get(block.name)
        lines += ["", first, *([f"  {cost}"] if cost else []), *rest]
    if program.frozen:
        lines += ["", "fixed at compile time", *frozen_lines(program.frozen)]
    return "\n".join(lines)


def program_data(program: Program[Any], graph_bytes: Mapping[str, int]) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "name": program.name,
        "methods": {
            method.name: {
                "parameters": [parameter_text(parameter) for parameter in method.parameters],
                "entries": [entry.block for entry in method.entries],
                "constraints": [asdict(constraint) for constraint in method.constraints],
                "identities": [asdict(identity) for identity in method.identities],
            }
            for method in program.methods.values()
        },
        "states": [[asdict(cell) for cell in state.cells] for state in program.states],
        "blocks": {block.name: _block_data(block) for block in program.blocks.values()},
        "graphs": dict(graph_bytes),
        "frozen": [asdict(frozen) for frozen in program.frozen],
    }


def _state_lines(program: Program[Any]) -> Iterator[str]:
    if not any(state.cells for state in program.states):
        return
    yield "state kept between calls"
    for number, state in enumerate(program.states):
        cells = ", ".join(f"{cell.path}: {type_text(cell.type)}" for cell in state.cells)
        yield f"  {number}: {cells or 'nothing'}"


def _block_lines(block: Block, graph_bytes: Mapping[str, int]) -> Iterator[str]:
    note = f"   {block.note}" if block.note else ""
    yield f"{block.name}({', '.join(value_text(value) for value in block.params)}){note}"
    host, shown = 0, set[str]()
    for step in block.steps:
        if isinstance(step, Compute):
            size = byte_text(graph_bytes.get(step.graph, 0))
            outputs = ", ".join(value_text(value) for value in step.outputs)
            yield f"  run {step.graph} ({size}) -> {outputs}"
            yield from _source_line(step.span, shown)
        else:
            host += 1
    if host:
        yield f"  {count(host, 'instruction')} of the host"
    yield f"  {_terminator_text(block)}"
    yield from _source_line(block.terminator.span, shown)


def _terminator_text(block: Block) -> str:
    match block.terminator:
        case Jump(target=target):
            return f"go to {target.block}"
        case Branch(pred=pred, then=then, orelse=orelse):
            return f"if {operand_text(pred)} go to {then.block}, else to {orelse.block}"
        case Switch(index=index, values=values, cases=cases, default=default):
            ways = ", ".join(f"{value}: {edge.block}" for value, edge in zip(values, cases, strict=True))
            return f"by {operand_text(index)} go to {ways}, else to {default.block}"
        case Return():
            return "return"
        case Raise(error=error):
            return f"raise {error.name}"


def _source_line(span: Span | None, shown: set[str]) -> Iterator[str]:
    """The source line that something comes from, once a block."""
    if span is None:
        return
    source = shortened(linecache.getline(span.path, span.line).strip(), SOURCE_WIDTH)
    line = f"      {display(Path(span.path))}:{span.line}  {source}".rstrip()
    if line not in shown:
        shown.add(line)
        yield line


def _block_data(block: Block) -> dict[str, Any]:
    return {
        "note": block.note,
        "params": {value.name: type_text(value.type) for value in block.params},
        "graphs": [step.graph for step in block.steps if isinstance(step, Compute)],
        "host_instructions": sum(not isinstance(step, Compute) for step in block.steps),
        "ends": type(block.terminator).__name__.lower(),
        "edges": [edge_text(edge) for edge in successors(block.terminator)],
        "spans": [asdict(span) for span in block.spans],
        "span": asdict(block.terminator.span) if block.terminator.span else None,
    }

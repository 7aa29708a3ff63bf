"""What a compile did, for people and for machines."""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dyncc.compiler.cli.usercode import display
from dyncc.compiler.report.words import count
from dyncc.runtime.host.emit import shortened
from dyncc.runtime.manifest import UncheckedEdge
from dyncc.runtime.places import lines_text
from dyncc.runtime.program import Frozen

SHOWN = 5
"""Places of unchecked edges that are shown without ``-v``."""
SHOWN_WAYS = 3
"""Ways of one decision that are spelled out."""
SOURCE_WIDTH = 64


def report_text(report: Any, seconds: float, verbose: bool) -> str:
    """A few lines about ``net.report``."""
    loading = max(0.0, seconds - sum(report.seconds.values()))
    steps = ", ".join(f"{name} {spent:.1f}" for name, spent in [("load", loading), *report.seconds.items()])
    size = sum(file.stat().st_size for file in report.path.rglob("*") if file.is_file())
    blocks, graphs = count(report.blocks, "block"), count(report.graphs, "graph")
    lines = [f"compiled  {blocks}, {graphs}, {byte_text(size)}, in {seconds:.1f} s ({steps})"]
    if report.pruning is not None:
        from dyncc.compiler.cli.prune_command import report_text as pruning_text

        lines.append(pruning_text(report.pruning))
    if report.paths:
        taken = f"{report.edges - len(report.unchecked)} of {count(report.edges, 'edge')} between blocks"
        lines.append(
            f"checked   {count(report.paths, 'path')}, {taken}, largest error {report.largest_error:.1e}"
        )
        lines += unchecked_lines(report.unchecked, None if verbose else SHOWN)
    else:
        lines.append("checked   nothing (--no-verify)")
    lines += engine_lines(report.engines)
    if report.frozen:
        lines.append(f"fixed     {count(len(report.frozen), 'value')} (dyncc inspect lists them)")
    if verbose:
        lines += frozen_lines(report.frozen)
        lines += pass_lines(report.passes)
    return "\n".join(lines)


def report_json(report: Any) -> dict[str, Any]:
    """``net.report`` as plain data."""
    return {
        "bundle": str(report.path),
        "blocks": report.blocks,
        "graphs": report.graphs,
        "seconds": dict(report.seconds),
        "sha256": report.sha256,
        "paths": report.paths,
        "edges": report.edges,
        "uncovered": len(report.unchecked),
        "unchecked": [asdict(edge) for edge in report.unchecked],
        "largest_error": report.largest_error,
        "passes": [asdict(ran) for ran in report.passes],
        "frozen": [asdict(frozen) for frozen in report.frozen],
        "engines": {
            "asked": report.engines.options.engine,
            "blocks": {name: engine for name, (engine, _, _) in report.engines.built.items()},
            "choices": {name: asdict(choice) for name, choice in report.engines.choices.items()},
            "calls": dict(report.engines.calls),
        },
        "pruning": asdict(report.pruning) if report.pruning is not None else None,
        "warnings": [asdict(warning) for warning in report.warnings],
    }


def unchecked_lines(edges: Sequence[UncheckedEdge], most: int | None = None) -> list[str]:
    """The ways that no compared call took, with their places, why, and what helps; at most ``most``."""
    if not edges:
        return []
    lines = [
        f"unchecked {count(len(edges), 'edge')}: compiled as all others, but no compared call went there"
    ]
    by_place: dict[tuple[str, str], list[str]] = {}
    for edge in edges:
        if edge.reached:
            by_place.setdefault((_source_line(edge), edge.why), []).append(edge.way)
    for (place, why), ways in list(by_place.items())[:most]:
        distinct = list(dict.fromkeys(ways))
        shown = "; ".join(distinct) if len(distinct) <= SHOWN_WAYS else f"{len(distinct)} of its ways"
        lines += [f"  {place}", f"      {shown}: {why}"]
    if most is not None and len(by_place) > most:
        lines.append(
            f"  and at {count(len(by_place) - most, 'more place')} (-v or `dyncc inspect` shows all)"
        )
    beyond = [edge for edge in edges if not edge.reached]
    if beyond:
        spans = [edge.span for edge in beyond if edge.span is not None]
        lines.append(
            f"  beyond these {count(len(beyond), 'edge')}, in {lines_text(spans)}: no call came there"
        )
    lines.append(
        "  to compare them, let `check_inputs()` in the model's file return a list of calls that go there"
    )
    return lines


def _source_line(edge: UncheckedEdge) -> str:
    """The place of a decision and its text."""
    if edge.span is None:
        return edge.block
    source = linecache.getline(edge.span.path, edge.span.line).strip()
    return f"{display(Path(edge.span.path))}:{edge.span.line}  {shortened(source, SOURCE_WIDTH)}".rstrip()


def engine_lines(plan: Any) -> list[str]:
    """Which engine runs how many blocks, and the times that decided; nothing where none was asked for."""
    if plan.options.engine == "onnxruntime":
        return []
    counts = Counter(choice.engine for choice in plan.choices.values())
    taken = ", ".join(f"{engine} {count(number, 'block')}" for engine, number in counts.most_common())
    lines = [f"engines   {taken or 'nothing to run'} (--engine {plan.options.engine})"]
    if plan.calls:
        ordered = sorted(plan.calls.items(), key=lambda item: item[1])
        times = ", ".join(f"{name} {1e6 * seconds:.1f} µs" for name, seconds in ordered)
        lines.append(f"timed     the examples: {times}")
    return lines


def frozen_lines(frozen: Sequence[Frozen]) -> list[str]:
    """One line for each value that was compiled in."""
    lines: list[str] = []
    for item in frozen:
        place = f"   {display_span(item)}" if item.span else ""
        lines.append(f"  {item.what} = {item.value}{place}")
    return lines


def pass_lines(passes: Sequence[Any]) -> list[str]:
    """What each pass that changed something did."""
    lines: list[str] = []
    for ran in passes:
        if ran.modified:
            lines += [f"pass      {ran.name}", *(f"  {note}" for note in ran.notes)]
    return lines


def display_span(item: Frozen) -> str:
    assert item.span is not None
    return f"{display(Path(item.span.path))}:{item.span.line}"


def byte_text(size: int) -> str:
    """A size as people read it."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"

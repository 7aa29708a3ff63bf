"""What a compile did, for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from dyncc.compiler.cli.usercode import display
from dyncc.runtime.program import Frozen


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
        taken = f"{report.edges - report.uncovered} of {count(report.edges, 'edge')} between blocks"
        lines.append(
            f"checked   {count(report.paths, 'path')}, {taken}, largest error {report.largest_error:.1e}"
        )
    else:
        lines.append("checked   nothing (--no-verify)")
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
        "uncovered": report.uncovered,
        "largest_error": report.largest_error,
        "passes": [asdict(ran) for ran in report.passes],
        "frozen": [asdict(frozen) for frozen in report.frozen],
        "pruning": asdict(report.pruning) if report.pruning is not None else None,
        "warnings": [asdict(warning) for warning in report.warnings],
    }


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
    from pathlib import Path

    assert item.span is not None
    return f"{display(Path(item.span.path))}:{item.span.line}"


def count(number: int, noun: str) -> str:
    """``1 block``, ``2 blocks``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def byte_text(size: int) -> str:
    """A size as people read it."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"

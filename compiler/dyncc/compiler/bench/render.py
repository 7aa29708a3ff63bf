"""Tables of a benchmark for a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, Group
from rich.table import Table

from dyncc.compiler.bench.contenders import DYNCC
from dyncc.compiler.bench.doubts import MARK
from dyncc.compiler.bench.figures import Ratio, seconds
from dyncc.compiler.bench.results import Benchmark, Row, Standing
from dyncc.compiler.cli.report import byte_text

MOST_PATHS = 12


def text(benchmark: Benchmark, width: int = 110) -> str:
    """The tables as text."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(tables(benchmark))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().rstrip()


def tables(benchmark: Benchmark) -> Group:
    """Times over all calls, what to doubt of them, ratios per path, costs, and who does not take part."""
    parts: list[Table | str] = [_times(benchmark)]
    parts += [f"{MARK} {text}" for text in benchmark.warnings]
    parts += [_gains(benchmark), _costs(benchmark)]
    absent: dict[str, list[str]] = {}
    for standing in benchmark.standings:
        if standing.failed:
            absent.setdefault(standing.failed, []).append(standing.name)
    for reason, names in absent.items():
        parts.append(f"{', '.join(names)} {'does' if len(names) == 1 else 'do'} not take part: {reason}")
    for standing in benchmark.standings:
        if standing.notes and not standing.failed:
            notes = ", ".join(f"{count} {what}" for what, count in standing.notes.items())
            parts.append(f"{standing.name}: {notes}")
    versions = ", ".join(f"{key} {value}" for key, value in benchmark.environment.items())
    threads = "thread" if benchmark.threads == 1 else "threads"
    parts.append(f"{benchmark.threads} {threads} for each, {benchmark.rounds} rounds in turns; {versions}")
    return Group(*parts)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    return table


def _times(benchmark: Benchmark) -> Table:
    table = _table("time of a call over all calls", "", "mean", "p10", "median", "p90", "p99")
    for standing in benchmark.standings:
        found = benchmark.mix.spreads.get(standing.name)
        if found is not None:
            values = (found.mean, found.p10, found.median, found.p90, found.p99)
            table.add_row(standing.name, *map(seconds, values))
    return table


def _gains(benchmark: Benchmark) -> Table:
    others = [s.name for s in benchmark.standings if s.name in benchmark.mix.gains]
    table = _table(
        "time over that of dyncc (95 % interval)", "path", "calls", "sub-networks", DYNCC, *others
    )
    for row in (benchmark.mix, *benchmark.paths[:MOST_PATHS]):
        own = row.spreads.get(DYNCC)
        ratios = [interval(row.gains[name]) if name in row.gains else "" for name in others]
        table.add_row(
            row.name, str(row.calls), f"{row.engine_calls:.1f}", seconds(own.mean) if own else "", *ratios
        )
    rest = benchmark.paths[MOST_PATHS:]
    if rest:
        table.add_row(f"{len(rest)} more paths", str(sum(row.calls for row in rest)))
    return table


def _costs(benchmark: Benchmark) -> Table:
    table = _table(
        "beside the calls", "", "compile: first call", "all paths", "start to answer", "memory", "on disk"
    )
    for standing in benchmark.standings:
        if not standing.failed:
            table.add_row(standing.name, *cost(standing))
    return table


def cost(standing: Standing) -> Sequence[str]:
    """Times of compiling and starting, memory and disk, as text; empty where it was not measured."""
    times = (standing.compile_first, standing.compile_all, standing.start)
    sizes = (standing.resident, standing.disk)
    return [
        *("" if value is None else seconds(value) for value in times),
        *("" if value is None else byte_text(int(value)) for value in sizes),
    ]


def interval(ratio: Ratio) -> str:
    """A ratio with its interval, and marked where it is not to be relied on."""
    text = f"{ratio.value:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"
    return f"{text} {MARK}" if ratio.unsteady else text


def slowest(rows: Sequence[Row], name: str) -> float:
    """The lower end of the interval of the path that gains least over ``name``."""
    return min((row.gains[name].low for row in rows if name in row.gains), default=float("nan"))

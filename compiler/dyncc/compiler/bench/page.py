"""``dyncc bench --report FILE.html``: the figures as one page with plots, like the report of a bundle.

Nothing is loaded from elsewhere, and no script runs. Names come from the command line and from the program,
and go through :func:`html.escape`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files

from dyncc.compiler.bench.contenders import DYNCC
from dyncc.compiler.bench.doubts import MARK
from dyncc.compiler.bench.figures import seconds
from dyncc.compiler.bench.render import MOST_PATHS, cost, interval
from dyncc.compiler.bench.results import Benchmark, Row

_LEFT, _WIDTH, _ROW, _RIGHT = 170, 560, 26, 190
"""Of a plot, in pixels: names, bars, a bar's row, and what is written behind it."""

_STYLE = """
main { max-width: 1000px; }
.plot text { font: 13px var(--sans); fill: var(--ink); }
.plot .note { fill: var(--soft); }
.plot .bar { fill: var(--faint); opacity: .55; }
.plot .own { fill: var(--accent); opacity: 1; }
.plot .line { stroke: var(--ink); stroke-width: 1.5; }
.plot .one { stroke: var(--accent); stroke-dasharray: 3 3; }
table { border-collapse: collapse; }
td, th { text-align: right; padding: 2px 14px 2px 0; font-weight: 400; }
td:first-child, th:first-child { text-align: left; } th { color: var(--soft); }
"""


def page(benchmark: Benchmark) -> str:
    """The page: a pure function of the figures."""
    style = files("dyncc.compiler.report").joinpath("style.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'\">",
            f"<title>{escape(benchmark.name)} · dyncc bench</title>",
            f"<style>\n{style}{_STYLE}</style>\n</head>\n<body>\n<main>",
            *_head(benchmark),
            *_times(benchmark),
            *_paths(benchmark),
            *_costs(benchmark),
            *_foot(benchmark),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _head(benchmark: Benchmark) -> Iterator[str]:
    yield f"<h1><b>{escape(benchmark.name)}</b>, timed by dyncc bench</h1>"
    gains = [
        f"{gain.value:.1f} times as long in {escape(name)}"
        for name, gain in benchmark.mix.gains.items()
        if name in ("eager", "torch.compile") and not gain.unsteady
    ]
    own = benchmark.mix.spreads.get(DYNCC)
    if own is not None:
        text = f"A call takes {seconds(own.mean)}"
        yield f'<p class="lead">{text}{", and " + " and ".join(gains) if gains else ""}.</p>'
    for warning in benchmark.warnings:
        yield f'<div class="note">{MARK} {escape(warning)}.</div>'


def _times(benchmark: Benchmark) -> Iterator[str]:
    """Bars: the mean over all calls, and a line from the 10th to the 90th percentile."""
    spreads = [
        (standing.name, benchmark.mix.spreads[standing.name])
        for standing in benchmark.standings
        if standing.name in benchmark.mix.spreads
    ]
    if not spreads:
        return
    scale = _WIDTH / max(max(spread.p90, spread.mean) for _, spread in spreads)
    yield "<h2>Time of a call, over all calls</h2>"
    yield "<p class=soft>Bars: the mean. Lines: from the 10th to the 90th percentile.</p>"
    yield from _plot(len(spreads), "time of a call")
    for row, (name, spread) in enumerate(spreads):
        yield _bar(row, name, spread.mean * scale, name == DYNCC)
        yield _whisker(row, spread.p10 * scale, spread.p90 * scale)
        yield _behind(row, max(spread.p90, spread.mean) * scale, seconds(spread.mean))
    yield "</svg>"


def _paths(benchmark: Benchmark) -> Iterator[str]:
    """Of each other contender, path by path, how many times longer it takes."""
    names = [each.name for each in benchmark.standings if each.name in benchmark.mix.gains]
    rows = (benchmark.mix, *benchmark.paths[:MOST_PATHS])
    for name in names:
        shown = [row for row in rows if name in row.gains]
        yield f"<h2>{escape(name)} over dyncc, path by path</h2>"
        doubted = any(row.gains[name].unsteady for row in shown)
        doubt = f" Do not rely on those marked {MARK}: see above." if doubted else ""
        yield f"<p class=soft>How many times longer a call takes; lines are 95 % intervals.{doubt}</p>"
        scale = _WIDTH / max(1.0, *(row.gains[name].high for row in shown))
        yield from _plot(len(shown), f"{name} over dyncc")
        for number, row in enumerate(shown):
            gain = row.gains[name]
            yield _bar(number, _title(row), gain.value * scale, False)
            yield _whisker(number, gain.low * scale, gain.high * scale)
            yield _behind(number, gain.high * scale, interval(gain))
        edge = _LEFT + scale
        yield f'<line class="one" x1="{edge:.1f}" x2="{edge:.1f}" y1="0" y2="{len(shown) * _ROW}"/></svg>'
    if len(benchmark.paths) > MOST_PATHS:
        yield f"<p class=soft>{len(benchmark.paths) - MOST_PATHS} rarer paths are not shown.</p>"


def _title(row: Row) -> str:
    return f"{row.name} ({row.calls} {'call' if row.calls == 1 else 'calls'})"


def _costs(benchmark: Benchmark) -> Iterator[str]:
    heads = ("", "compile: first call", "all paths", "start to answer", "memory", "on disk")
    yield "<h2>Beside the calls</h2>\n<table>"
    yield _row("th", heads)
    for standing in benchmark.standings:
        if not standing.failed:
            yield _row("td", (standing.name, *cost(standing)))
    yield "</table>"
    for standing in benchmark.standings:
        if standing.failed:
            reason = escape(standing.failed.splitlines()[0])
            yield f"<p class=soft>{escape(standing.name)} does not take part: {reason}</p>"


def _row(cell: str, values: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{escape(value)}</{cell}>' for value in values)}</tr>"


def _foot(benchmark: Benchmark) -> Iterator[str]:
    threads = "thread" if benchmark.threads == 1 else "threads"
    versions = ", ".join(f"{key} {value}" for key, value in benchmark.environment.items())
    text = f"{benchmark.threads} {threads} for each, {benchmark.rounds} rounds in turns; {versions}"
    yield f"<p class=soft>{escape(text)}</p>"


# ---------------------------------------------------------------------------------------------- plots


def _plot(rows: int, label: str) -> Iterator[str]:
    width, height = _LEFT + _WIDTH + _RIGHT, rows * _ROW
    yield (
        f'<svg class="plot" role="img" aria-label="{escape(label)}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">'
    )


def _bar(row: int, name: str, length: float, own: bool) -> str:
    top = row * _ROW
    kind = "bar own" if own else "bar"
    shown = name if len(name) <= 24 else f"{name[:23]}…"
    return (
        f'<text x="{_LEFT - 10}" y="{top + 17}" text-anchor="end">{escape(shown)}</text>'
        f'<rect class="{kind}" x="{_LEFT}" y="{top + 4}" width="{length:.1f}" height="{_ROW - 9}" rx="2"/>'
    )


def _whisker(row: int, low: float, high: float) -> str:
    middle = row * _ROW + _ROW / 2 - 0.5
    return (
        f'<line class="line" x1="{_LEFT + low:.1f}" x2="{_LEFT + high:.1f}" '
        f'y1="{middle:.1f}" y2="{middle:.1f}"/>'
    )


def _behind(row: int, length: float, text: str) -> str:
    return f'<text class="note" x="{_LEFT + length + 8:.1f}" y="{row * _ROW + 17}">{escape(text)}</text>'

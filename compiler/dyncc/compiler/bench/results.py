"""A finished benchmark as data: per contender, per path and over the mix."""

from __future__ import annotations

import platform
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from dyncc.compiler.bench.contenders import DYNCC
from dyncc.compiler.bench.doubts import doubts
from dyncc.compiler.bench.figures import Ratio, Spread, ratio, spread
from dyncc.compiler.bench.measure import Entry, Settings, Subject

LIBRARIES = ("dyncc", "torch", "onnxruntime", "onnx", "onnxscript", "numpy")


@dataclass(frozen=True)
class Row:
    """A set of calls: all, or those of one path."""

    name: str
    calls: int
    engine_calls: float
    """Sub-networks that one of them runs, on average."""
    spreads: Mapping[str, Spread]
    gains: Mapping[str, Ratio]
    """Of each other contender its time over that of the compiled program, on the calls that both made."""


@dataclass(frozen=True)
class Standing:
    """A contender: what it costs apart from the time of its calls."""

    name: str
    failed: str
    compile_first: float | None
    compile_all: float | None
    start: float | None
    resident: float | None
    disk: int | None
    notes: Mapping[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """``mix`` is over all calls, ``paths`` the most frequent first."""

    name: str
    threads: int
    rounds: int
    standings: tuple[Standing, ...]
    mix: Row
    paths: tuple[Row, ...]
    environment: Mapping[str, str]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be said beside its ratios."""
        return tuple(doubts(self))

    def json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "warnings": list(self.warnings)}


def summarize(name: str, subject: Subject, settings: Settings, entries: Sequence[Entry]) -> Benchmark:
    """The figures of a benchmark."""
    everything = tuple(range(len(subject.calls)))
    grouped: dict[Any, list[int]] = {}
    for index, path in enumerate(subject.ways.paths):
        grouped.setdefault(path, []).append(index)
    order = sorted(grouped.items(), key=lambda item: (-len(item[1]), item[1]))
    rows = [
        _row(path_name(path, number), calls, subject, entries) for number, (path, calls) in enumerate(order)
    ]
    return Benchmark(
        name=name,
        threads=settings.threads,
        rounds=max((len(entry.rounds) for entry in entries), default=0),
        standings=tuple(
            Standing(
                entry.name,
                entry.failed,
                entry.compile_first,
                entry.compile_all,
                entry.start,
                entry.resident,
                entry.disk,
                entry.notes,
            )
            for entry in entries
        ),
        mix=_row("all calls", everything, subject, entries),
        paths=tuple(rows),
        environment=environment(),
    )


def path_name(path: Sequence[tuple[str, int]], number: int) -> str:
    """A path by its decisions, each the number of the way taken: runs of the same one are counted."""
    ways = "".join(str(edge) if edge < 10 else f"({edge})" for _, edge in path)
    return f"{number + 1}: {ways if len(ways) <= 24 else ways[:23] + '…'}" if ways else f"{number + 1}"


def _row(name: str, calls: Sequence[int], subject: Subject, entries: Sequence[Entry]) -> Row:
    timed = {entry.name: entry for entry in entries if entry.rounds and not entry.failed}
    spreads: dict[str, Spread] = {}
    gains: dict[str, Ratio] = {}
    own = timed.get(DYNCC)
    for entry in timed.values():
        columns = [position for position, call in enumerate(entry.served) if call in set(calls)]
        if not columns:
            continue
        spreads[entry.name] = spread(entry.times[:, columns])
        if own is not None and entry is not own:
            same = [own.served.index(entry.served[position]) for position in columns]
            gains[entry.name] = ratio(entry.times[:, columns], own.times[:, same])
    counts = subject.ways.engine_calls
    mean = sum(counts[call] for call in calls) / len(calls) if counts else 0.0
    return Row(name, len(calls), mean, spreads, gains)


def environment() -> dict[str, str]:
    """The machine and the versions."""
    found = {
        "processor": _processor(),
        "cores": str(_cores()),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = Counter(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return names.most_common(1)[0][0] if names else platform.machine()


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1

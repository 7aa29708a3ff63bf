"""The whole of a benchmark: contenders are made ready, checked, and take turns."""

from __future__ import annotations

import os
import pickle
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dyncc.compiler.bench.agree import difference
from dyncc.compiler.bench.calls import Call, write_calls
from dyncc.compiler.bench.contenders import (
    COMPILED,
    DYNCC,
    EAGER,
    ORACLE,
    SCRIPT,
    SCRIPT_ONNX,
    Job,
    Model,
)
from dyncc.compiler.bench.figures import Times, median
from dyncc.compiler.bench.oracle import Ways
from dyncc.compiler.bench.process import ContenderFailed, Worker

FEWEST_ROUNDS, MOST_ROUNDS = 7, 400


@dataclass(frozen=True)
class Settings:
    """``seconds`` is the time in which each contender is timed, ``starts`` how often one is started anew,
    ``limit`` the seconds that a contender may take to be ready."""

    threads: int = 1
    seconds: float = 2.0
    starts: int = 3
    limit: float = 300.0
    without: frozenset[str] = frozenset()
    """Contenders that are left out."""


@dataclass
class Entry:
    """A contender: why it does not take part, or what was measured. Times in seconds, sizes in bytes."""

    name: str
    failed: str = ""
    served: tuple[int, ...] = ()
    """The calls that it was timed on."""
    rounds: list[list[float]] = field(default_factory=list["list[float]"])
    compile_first: float | None = None
    compile_all: float | None = None
    start: float | None = None
    """From the start of the process to the first answer."""
    resident: float | None = None
    disk: int | None = None
    notes: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def times(self) -> Times:
        return np.array(self.rounds)


@dataclass(frozen=True)
class Built:
    """Another bundle of the program, or why there is none: for another engine, or a pruned one.

    ``notes`` says what runs where. Of one that is ``approximate`` it is told on how many calls it differs.
    """

    bundle: Path
    failed: str = ""
    seconds: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    approximate: bool = False


@dataclass(frozen=True)
class Subject:
    """What is measured: a network (where there is its source), the bundle, the calls, their ways."""

    calls: Sequence[Call]
    model: Model | None
    bundle: Path | None
    refused: str
    """Why there is no bundle."""
    ways: Ways
    fresh: bool
    stateful: bool
    compile_seconds: float | None = None
    weight_bytes: int | None = None
    script_onnx: Path | None = None
    script_refused: str = ""
    engines: Mapping[str, Built] = field(default_factory=dict[str, "Built"])
    """Other bundles of the program by their names: for other engines, pruned ones."""


@dataclass
class Measuring:
    """One benchmark. ``say`` is told what is being done."""

    subject: Subject
    settings: Settings
    folder: Path
    say: Callable[[str], None] = lambda _: None
    workers: dict[str, Worker] = field(default_factory=dict[str, Worker])

    def run(self) -> list[Entry]:
        """All contenders, in their order."""
        write_calls(self.folder / "calls", self.subject.calls)
        entries: list[Entry] = []
        reference: list[list[Any]] | None = None
        try:
            for entry in self._entries():
                entries.append(entry)
                if not entry.failed:
                    reference = self._ready(entry, reference) or reference
            self._starts([entry for entry in entries if not entry.failed])
            self._turns([entry for entry in entries if not entry.failed])
        finally:
            for worker in self.workers.values():
                worker.close()
        return entries

    # -------------------------------------------------------------------------------- making ready

    def _entries(self) -> list[Entry]:
        subject, everything = self.subject, tuple(range(len(self.subject.calls)))
        absent = (
            "" if subject.model else "a bundle holds no PyTorch code; `dyncc bench FILE.py` times it too"
        )
        compiler = any(map(shutil.which, os.environ.get("CXX", "c++ g++ clang++").split()))
        entries = [
            Entry(EAGER, absent, everything, disk=subject.weight_bytes),
            Entry(COMPILED, absent or ("" if compiler else "there is no C++ compiler here"), everything),
            Entry(SCRIPT, absent, everything),
            Entry(
                SCRIPT_ONNX, absent or subject.script_refused, everything, disk=_size(subject.script_onnx)
            ),
        ]
        entries.append(
            Entry(
                DYNCC,
                subject.refused,
                everything,
                compile_first=subject.compile_seconds,
                compile_all=subject.compile_seconds,
                disk=_size(subject.bundle),
            )
        )
        entries += [
            Entry(
                f"{DYNCC} {name}",
                built.failed,
                everything,
                compile_first=built.seconds,
                compile_all=built.seconds,
                disk=_size(built.bundle) if not built.failed else None,
            )
            for name, built in subject.engines.items()
        ]
        ways = subject.ways
        entries.append(Entry(ORACLE, ways.failed, ways.served, disk=_size(ways.first_file)))
        for entry in entries:
            if entry.name in self.settings.without:
                entry.failed = "left out (--without)"
        return entries

    def _job(self, entry: Entry, **changes: Any) -> Job:
        subject = self.subject
        files, chosen = ((), ())
        if entry.name == ORACLE:
            files, chosen = subject.ways.files, subject.ways.chosen
        elif entry.name == SCRIPT_ONNX and subject.script_onnx is not None:
            files, chosen = ((subject.script_onnx,),), (0,) * len(subject.calls)
        engine = subject.engines.get(entry.name.removeprefix(f"{DYNCC} "))
        return Job(
            contender=entry.name,
            threads=self.settings.threads,
            calls=self.folder / "calls",
            model=subject.model,
            bundle=engine.bundle if engine is not None else subject.bundle,
            files=files,
            chosen=chosen,
            served=entry.served,
            fresh=subject.fresh,
            stateful=subject.stateful,
            **changes,
        )

    def _worker(self, job: Job) -> Worker:
        environment: Mapping[str, str] = {}
        if job.contender == COMPILED:
            cache = self.folder / f"inductor-{time.monotonic_ns()}"  # cold, as at a user's first call
            environment = {"TORCHINDUCTOR_CACHE_DIR": str(cache)}
        return Worker(job, self.folder, self.settings.limit, environment)

    def _ready(self, entry: Entry, reference: list[list[Any]] | None) -> list[list[Any]] | None:
        """Start the contender and check what it gives; returns that."""
        self.say(f"starting  {entry.name}")
        results = self.folder / f"{entry.name}.results"
        worker = self._worker(self._job(entry))
        try:
            first = worker.answer()["first"]
            entry.start = time.perf_counter() - worker.started
            answer = worker.ask("outputs", file=str(results))
            entry.notes = {key: value for key, value in answer.items() if key != "seconds"}
            if built := self.subject.engines.get(entry.name.removeprefix(f"{DYNCC} ")):
                entry.notes.update(built.notes)
            if entry.name == COMPILED:
                entry.compile_first, entry.compile_all = first, first + answer["seconds"]
            found: list[list[Any]] = pickle.loads(results.read_bytes())
            if reference is not None:
                self._check(entry, found, [reference[index] for index in entry.served])
        except ContenderFailed as error:
            entry.failed = str(error)
            worker.close()
            return None
        self.workers[entry.name] = worker
        return found if entry.name in (EAGER, DYNCC) and reference is None else None

    def _check(self, entry: Entry, found: list[list[Any]], expected: list[list[Any]]) -> None:
        wrong = [
            text for one, other in zip(found, expected, strict=True) if (text := difference(one, other))
        ]
        built = self.subject.engines.get(entry.name.removeprefix(f"{DYNCC} "))
        if built is not None and built.approximate:
            entry.notes["different"] = f"{len(wrong)} of {len(expected)}"
        elif wrong:
            raise ContenderFailed(f"wrong on {len(wrong)} of {len(expected)} calls: {wrong[0]}")

    # ------------------------------------------------------------------------------------- timing

    def _starts(self, entries: Sequence[Entry]) -> None:
        """Start each contender anew, in turns (not ``torch.compile``: its one start has compiled)."""
        starts: dict[str, list[float]] = {entry.name: [] for entry in entries}
        residents: dict[str, list[float]] = {entry.name: [] for entry in entries}
        self.say(f"starting  each {self.settings.starts} times anew")
        for _ in range(self.settings.starts):
            for entry in entries:
                if entry.name == COMPILED:
                    continue
                worker = self._worker(self._job(entry, only_start=True))
                try:
                    worker.answer()
                    starts[entry.name].append(time.perf_counter() - worker.started)
                    residents[entry.name].append(worker.answer()["resident"])
                finally:
                    worker.close()
        for entry in entries:
            if starts[entry.name]:
                entry.start, entry.resident = median(starts[entry.name]), median(residents[entry.name])
            else:
                entry.resident = self.workers[entry.name].ask("memory")["resident"]

    def _turns(self, entries: Sequence[Entry]) -> None:
        """Rounds, until the time of each contender is over; the first in each takes turns too."""
        self.say(f"timing    {len(entries)} contenders in turns, {self.settings.threads} thread(s) each")
        ends = time.perf_counter() + self.settings.seconds * len(entries)
        for number in range(MOST_ROUNDS if entries else 0):
            if number >= FEWEST_ROUNDS and time.perf_counter() > ends:
                break
            shift = number % len(entries)
            for entry in (*entries[shift:], *entries[:shift]):
                entry.rounds.append(self.workers[entry.name].ask("turn")["times"])


def _size(path: Path | None) -> int | None:
    if path is None:
        return None
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)

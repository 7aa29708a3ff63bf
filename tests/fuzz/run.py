"""The fuzzer from the command line: ``python -m tests.fuzz.run --count 100 --start 0 --jobs 2``.

Prints each case that is not equal, then a table. Exits with 1 when a program was wrong, crashed or hung, or
when more than ``--most-refused`` of them were refused. With ``--record FILE`` a long run may be cut short
and gone on with: each verdict is kept there as it comes, and no seed that has one is run again.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import gc
import json
import multiprocessing
import multiprocessing.connection
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from tests.fuzz.constructs import pairs_table
from tests.fuzz.generator import generate
from tests.fuzz.harness import PATIENCE, Verdict, run

CASES = Path(__file__).parent.parent / "cases" / "fuzz"
MOST_WAITED = 5 * PATIENCE
"""Seconds until a worker that does not answer is killed: one that sleeps, or that no signal reaches."""


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    record = Path(options.record) if options.record else None
    began, verdicts = time.monotonic(), _recorded(record)
    earlier, known = sum(each.seconds for each in verdicts), {each.seed for each in verdicts}
    seeds = [s for s in range(options.start, options.start + options.count) if s not in known]
    for verdict in run_many(seeds, options):
        verdicts.append(verdict)
        if record is not None:
            _append(record, verdict)
        if verdict.kind == "refused" and not options.verbose:
            continue
        if verdict.kind != "equal":
            print(
                f"seed {verdict.seed}: {verdict.kind} {verdict.code}\n    {_brief(verdict.detail)}",
                flush=True,
            )
        if verdict.failed and options.save:
            _save(verdict, Path(options.save), options)
    if options.pairs:
        table = pairs_table(verdict.constructs for verdict in verdicts)
        Path(options.pairs).write_text(table + "\n", encoding="utf-8")
    return _summary(verdicts, earlier, time.monotonic() - began, options.most_refused)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=max((os.cpu_count() or 2) // 2, 1))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this long")
    parser.add_argument("--engine", action="store_true", help="run through ONNX Runtime as well")
    parser.add_argument("--save", default="", help=f"shrink failures and save them here ({CASES.name})")
    parser.add_argument("--record", default="", help="keep the verdicts in this file, and go on from it")
    parser.add_argument("--most-refused", type=float, default=0.05)
    parser.add_argument("--pairs", default="", help="write which pairs of constructs occurred to this file")
    parser.add_argument("--verbose", action="store_true", help="show refusals too")
    return parser.parse_args(arguments)


# ------------------------------------------------------------------------------------- workers


@dataclass
class _Worker:
    process: BaseProcess
    pipe: multiprocessing.connection.Connection
    seed: int = -1
    since: float = 0.0


def _work(pipe: multiprocessing.connection.Connection, engine: bool) -> None:
    torch.set_num_threads(1)
    gc.freeze()  # what is imported stays: a fifth of the time went into looking it through again and again
    while (seed := pipe.recv()) is not None:
        began = time.process_time()
        verdict = run(seed, engine)
        pipe.send(dataclasses.replace(verdict, seconds=time.process_time() - began))


def run_many(seeds: Iterable[int], options: argparse.Namespace) -> Iterator[Verdict]:
    """The verdicts of ``seeds`` as they come; a worker that dies or hangs is replaced."""
    deadline = time.monotonic() + options.seconds
    waiting = iter(seeds)
    workers = [_start(options.engine) for _ in range(options.jobs)]
    busy: list[_Worker] = [worker for worker in workers if _give(worker, waiting, deadline)]
    while busy:
        ready = multiprocessing.connection.wait([worker.pipe for worker in busy], timeout=1.0)
        for worker in list(busy):
            verdict = _verdict(worker, worker.pipe in ready)
            if verdict is None:
                continue
            yield verdict
            busy.remove(worker)
            if not worker.process.is_alive():
                workers.remove(worker)
                worker = _start(options.engine)
                workers.append(worker)
            if _give(worker, waiting, deadline):
                busy.append(worker)
    for worker in workers:
        worker.pipe.send(None)
        worker.process.join()


def _start(engine: bool) -> _Worker:
    # A fresh interpreter: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, engine), daemon=True)
    process.start()
    return _Worker(process, ours)


def _give(worker: _Worker, waiting: Iterator[int], deadline: float) -> bool:
    seed = next(waiting, None) if time.monotonic() < deadline else None
    if seed is None:
        return False
    worker.seed, worker.since = seed, time.monotonic()
    worker.pipe.send(seed)
    return True


def _verdict(worker: _Worker, ready: bool) -> Verdict | None:
    if ready:
        try:
            return worker.pipe.recv()
        except EOFError:
            worker.process.join()
            return Verdict("crash", detail=f"exit code {worker.process.exitcode}", seed=worker.seed)
    if time.monotonic() - worker.since > MOST_WAITED:
        worker.process.kill()
        worker.process.join()
        return Verdict("hang", detail="killed", seed=worker.seed)
    return None


# ------------------------------------------------------------------------------------- reports


def _append(record: Path, verdict: Verdict) -> None:
    entry = dataclasses.asdict(verdict) | {"constructs": sorted(verdict.constructs)}
    with record.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _recorded(record: Path | None) -> list[Verdict]:
    """The verdicts in ``record``; a last line that was not written whole is run again."""
    if record is None or not record.exists():
        return []
    text = record.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        record.write_text(whole, encoding="utf-8")
    entries = [json.loads(line) for line in whole.splitlines()]
    return [Verdict(**entry | {"constructs": frozenset(entry["constructs"])}) for entry in entries]


def _brief(detail: str) -> str:
    lines = [line for line in detail.strip().splitlines() if line.strip()]
    return "\n    ".join(lines[-6:])


def _save(verdict: Verdict, folder: Path, options: argparse.Namespace) -> None:
    from tests.fuzz.shrink import shrink

    folder.mkdir(parents=True, exist_ok=True)
    source = shrink(generate(verdict.seed).source, options.engine)
    path = folder / f"seed_{verdict.seed}.py"
    path.write_text(source, encoding="utf-8")
    print(f"    saved {path}", flush=True)


def _summary(verdicts: list[Verdict], earlier: float, seconds: float, most_refused: float) -> int:
    kinds = collections.Counter(verdict.kind for verdict in verdicts)
    codes = collections.Counter(
        (verdict.code, verdict.detail.partition(": ")[2].partition(" (")[0])
        for verdict in verdicts
        if verdict.kind == "refused"
    )
    sizes = sorted(verdict.blocks for verdict in verdicts if verdict.blocks)
    total = max(len(verdicts), 1)
    spent = sum(verdict.seconds for verdict in verdicts)
    before = f" (and {earlier:.0f} s of the processor before)" if earlier else ""
    print(f"\n{len(verdicts)} programs in {seconds:.0f} s{before}, {spent:.0f} s of the processor")
    for kind, count in kinds.most_common():
        print(f"  {kind:9} {count:6}  {100 * count / total:5.1f} %")
    if sizes:
        print(f"  blocks: median {sizes[len(sizes) // 2]}, most {sizes[-1]}")
    for (code, message), count in codes.most_common():
        print(f"  {code} {count:5}  {message[:90]}")
    failed = any(verdict.failed for verdict in verdicts)
    return int(failed or kinds["refused"] > most_refused * total)


if __name__ == "__main__":
    sys.exit(main())

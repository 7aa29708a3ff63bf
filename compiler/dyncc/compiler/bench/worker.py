"""The process of one contender: ``python -m dyncc.compiler.bench.worker JOB``.

It builds the contender, makes the first call, says so, and then answers one request a line until its input
ends. Requests and answers are JSON; what the network itself prints goes to stderr. Only what the contender
needs is imported, since the time to the first answer and the memory are measured too.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dyncc.compiler.bench.calls import Call, leaves, read_calls
from dyncc.compiler.bench.contenders import Contender, Job, build

_STEADY = 20
"""Calls before the memory of a process that only starts is read."""


def main(arguments: Sequence[str]) -> None:
    """Serve the job whose file is named."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    job: Job = pickle.loads(Path(arguments[0]).read_bytes())
    try:
        _serve(job, answers)
    except Exception as error:
        traceback.print_exc()
        _answer(answers, failed=_reason(error))


def _serve(job: Job, answers: Any) -> None:
    calls = read_calls(job.calls)
    served = [calls[index] for index in (job.served[:1] if job.only_start else job.served)]
    contender = build(job)
    started = time.perf_counter()
    server = _Server(job, contender, served)
    server.make(0)
    _answer(answers, first=time.perf_counter() - started)
    if job.only_start:
        for _ in range(_STEADY):
            server.make(0)
        _answer(answers, resident=resident())
        return
    for line in sys.stdin:
        request = json.loads(line)
        _answer(answers, **getattr(server, request.pop("do"))(**request))


class _Server:
    """The requests that a process answers, by name."""

    def __init__(self, job: Job, contender: Contender, calls: Sequence[Call]) -> None:
        self.job = job
        self.contender = contender
        self.calls = calls
        self.arguments = [contender.arguments(index, call) for index, call in enumerate(calls)]

    def make(self, index: int) -> tuple[float, Any]:
        """One call: its time and its result."""
        self.contender.prepare()
        if self.job.fresh:
            self.arguments[index] = self.contender.arguments(index, self.calls[index])
        call, arguments, clock = self.contender.call, self.arguments[index], time.perf_counter
        start = clock()
        result = call(index, arguments)
        return clock() - start, result

    def outputs(self, file: str) -> dict[str, Any]:
        """Make every call once; the leaves of the results go to ``file``."""
        started = time.perf_counter()
        results = [leaves(self.make(index)[1]) for index in range(len(self.calls))]
        Path(file).write_bytes(pickle.dumps(results))
        return {"seconds": time.perf_counter() - started, **self.contender.notes()}

    def memory(self) -> dict[str, Any]:
        """The memory of the process."""
        return {"resident": resident()}

    def turn(self) -> dict[str, Any]:
        """The time of every call, once, after one that is not counted."""
        self.make(0)
        return {"times": [self.make(index)[0] for index in range(len(self.calls))]}


def resident() -> int:
    """The memory of this process that is in RAM, in bytes; or, as far as known, the most it was."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _answer(answers: Any, **values: Any) -> None:
    answers.write(json.dumps(values) + "\n")
    answers.flush()


def _reason(error: BaseException) -> str:
    """One line, without the exception's name where the text is a sentence of ours."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


if __name__ == "__main__":
    main(sys.argv[1:])

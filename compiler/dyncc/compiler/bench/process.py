"""The other end of a worker: starting it, asking it, ending it."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dyncc.compiler.bench.contenders import Job

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class ContenderFailed(Exception):
    """The contender cannot run; the text says why."""


@dataclass
class Worker:
    """A process. ``limit`` is how long, in seconds, an answer may take."""

    job: Job
    folder: Path
    limit: float
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        stem = f"{self.job.contender}-{time.monotonic_ns()}"
        file = self.folder / f"{stem}.job"
        file.write_bytes(pickle.dumps(self.job))
        self.log = self.folder / f"{stem}.log"
        self.pending = b""
        threads = dict.fromkeys(THREAD_VARIABLES, str(self.job.threads))
        self.started = time.perf_counter()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dyncc.compiler.bench.worker", str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment() | {"PYTHONPATH": _search_path(), **threads, **self.environment},
            )

    def answer(self) -> dict[str, Any]:
        """The next answer. Raises ContenderFailed for a failure, the end of the process, or the limit."""
        line = self._line()
        if line is None:
            self.close()
            raise ContenderFailed(f"no answer within {self.limit:.0f} s")
        if not line:
            code = self.process.wait()
            raise ContenderFailed(f"its process ended with code {code}: {self._last_words()}")
        values: dict[str, Any] = json.loads(line)
        if "failed" in values:
            self.close()
            raise ContenderFailed(values["failed"])
        return values

    def ask(self, do: str, **values: Any) -> dict[str, Any]:
        """The answer to a request. Raises ContenderFailed."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the answer then says that it has ended
            self.process.stdin.write(json.dumps({"do": do, **values}).encode() + b"\n")
            self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self.process.wait()

    def _line(self) -> bytes | None:
        """A line of the process: empty at its end, None when the time is over."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + self.limit
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.pending:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return None
                chunk = os.read(self.process.stdout.fileno(), 1 << 16)
                if not chunk:
                    return b""
                self.pending += chunk
        line, _, self.pending = self.pending.partition(b"\n")
        return line

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def _environment() -> dict[str, str]:
    """This process's, but with compiled modules kept, as where packages are installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _search_path() -> str:
    """Where this process finds its modules, for its workers."""
    return os.pathsep.join(path for path in (os.getcwd(), *sys.path) if path)

"""How long the steps of a compile take."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Time by step; a step inside another counts for itself alone."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    _inner: float = 0.0

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        outer, self._inner = self._inner, 0.0
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + spent - self._inner
            self._inner = outer + spent

"""Measured time as a budget: a network and a smaller one take turns, in ONNX Runtime at one thread.

FLOPs say little of small layers (a kernel computes 8 or 16 channels at once). What counts is the ratio of
medians within one run: a machine that is slow for a while is slow for both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir

from dyncc.passes.prune.check import session

SECONDS = 0.4
"""For one comparison, shared out among the graphs by how long they run."""
LEAST = 5
"""Turns of each graph, whatever they take."""


@dataclass(eq=False)
class Timed:
    """A graph, what it is given, and how often a call runs it."""

    model: onnx_ir.Model
    feeds: Mapping[str, np.ndarray]
    often: float = 1.0
    runner: Any = field(init=False)

    def __post_init__(self) -> None:
        self.runner = session(self.model)
        self.run()  # the first run allocates

    def run(self) -> float:
        """The seconds of one run."""
        begun = time.perf_counter()
        self.runner.run(None, dict(self.feeds))
        return time.perf_counter() - begun


def relative(whole: Sequence[Timed], smaller: Sequence[Timed], seconds: float = SECONDS) -> float:
    """The time of ``smaller``, as a share of that of ``whole``, the same graphs in the same order."""
    totals = [0.0, 0.0]
    each = seconds / max(len(whole), 1)
    for one, other in zip(whole, smaller, strict=True):
        turns = _turns(one, other, each)
        for side in (0, 1):
            totals[side] += one.often * statistics.median(turn[side] for turn in turns)
    return totals[1] / totals[0] if totals[0] else 1.0


def _turns(one: Timed, other: Timed, seconds: float) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while len(found) < LEAST or time.perf_counter() < end:
        found.append((one.run(), other.run()))
    return found

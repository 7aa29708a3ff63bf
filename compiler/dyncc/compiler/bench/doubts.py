"""What is to be said beside ratios that were made of times that do not hold still.

Ratios are of medians. Where threads of a contender wait for each other on a busy machine, or something else
has the processor, the median of a call may be hundreds of times what it takes undisturbed, and the ratio is
one of waiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dyncc.compiler.bench.figures import seconds

if TYPE_CHECKING:
    from dyncc.compiler.bench.results import Benchmark

MARK = "!"
"""Stands behind a ratio that is not to be relied on."""


def doubts(benchmark: Benchmark) -> Iterator[str]:
    """A sentence for each contender whose times do not hold still, over all calls or on a path."""
    threads = benchmark.threads
    cause = "something else is running" + (", or threads wait for each other" if threads > 1 else "")
    remedy = "`--threads 1`, or " if threads > 1 else ""
    for standing in benchmark.standings:
        for row in (benchmark.mix, *benchmark.paths):
            spread = row.spreads.get(standing.name)
            if spread is not None and spread.unsteady:
                times = f"{spread.mean / spread.quick:.0f} times"
                yield (
                    f"{standing.name}: the median of a call, {seconds(spread.mean)}, is {times} its 10th "
                    f"percentile, {seconds(spread.quick)} ({row.name}): {cause}. Do not rely on the "
                    f"ratios marked {MARK}: time again with {remedy}on a quieter machine"
                )
                break

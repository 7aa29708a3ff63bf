"""``auto``, the last step: whole calls of the mixed program against those of one engine each.

What a block costs alone is not what it costs among others: engines bring pools of threads that get into
each other's way, and memory that the caches hold once. Only whole calls show that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dyncc.compiler.check.report import Example
from dyncc.compiler.engines.plan import AUTO, ONNX, EnginePlan
from dyncc.compiler.engines.timing import times_of
from dyncc.runtime.examples import EXAMPLES_SEED
from dyncc.runtime.net import Net
from dyncc.runtime.session import Session

SECONDS = 0.5
MARGIN = 0.98
"""The mixed program must take less than this share of the time of ONNX Runtime alone to be worth it."""


def choose(
    plan: EnginePlan,
    examples: Sequence[Example],
    write: Callable[[EnginePlan, Path], None],
    load: Callable[[Path], Net],
    folder: Path,
) -> EnginePlan:
    """``plan``, or that of one engine alone, whichever makes the calls of ``examples`` fastest.

    Bundles are written (below ``folder``) and loaded to see. The times are in the plan's ``calls``.
    """
    if plan.options.engine != AUTO or not plan.built:
        return plan
    engines = sorted({engine for engine, _, _ in plan.built.values()})
    plans = {AUTO: plan, ONNX: plan.only(ONNX)}
    if len(engines) > 1:
        plans |= {engine: plan.only(engine) for engine in engines}
    calls: dict[str, Callable[..., Any]] = {}
    for name, candidate in plans.items():
        path = folder / name
        write(candidate, path)
        calls[name] = _calls(load(path), examples)
    seconds = times_of(calls, [()], SECONDS)
    best = min(seconds, key=lambda name: seconds[name] / (1 if name == ONNX else MARGIN))
    return replace(plans[best], calls=seconds)


def _calls(net: Net, examples: Sequence[Example]) -> Callable[[], None]:
    """All examples once, each from the initial state; a call that raises counts as it is."""

    def calls() -> None:
        for example in examples:
            args, kwargs = example.copied()
            Net.seed(net, EXAMPLES_SEED)
            Net.reset(net)
            try:
                Session.call(net._session, example.method, args, kwargs)
            except Exception:
                continue  # what the program raises belongs to its call

    return calls


def times_text(seconds: Mapping[str, float]) -> str:
    """``onnxruntime 12.3 µs, tvm 4.5 µs``, the fastest first."""
    ordered = sorted(seconds.items(), key=lambda item: item[1])
    return ", ".join(f"{name} {1e6 * value:.1f} µs" for name, value in ordered)

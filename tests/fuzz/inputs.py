"""Completing a draft: inputs that reach different paths and stay clear of thresholds."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import _pytree as pytree

from dyncc.compiler.check.compare import (
    Outcome,
    Tolerance,
    Tolerances,
    compare_outcomes,
    outcome,
)
from dyncc.compiler.check.reads import EagerReads, Read, ReadLimitExceeded
from dyncc.compiler.noise import drawing

if TYPE_CHECKING:
    from tests.fuzz.generator import Draft

NUDGES = (1.00001, 0.99999)
"""A decision that changes when the inputs are scaled by this much is a near tie."""

LOOSE: Tolerances = {kind: Tolerance(2e-3, 2e-3) for kind in ("float32", "float64", "float")}
"""A nudge may change a result by no more than this: else a threshold was crossed unseen."""

LARGEST = 1e4
"""Results beyond this are not tame."""

MOST_READS = 100
"""Programs that read more often in one call are dropped: they test nothing that shorter ones do not."""

SIZES = (1, 2, 3, 5, 8)
"""Of the axis that is free."""

SHAPE = '{0: Dim("n", min=1, max=16)}'

RANDOM = ("torch.rand", "dropout", "bernoulli", "multinomial", "normal_")
"""What draws numbers, in a program's text."""

Session = list[tuple[Outcome, list[Read]]]


def complete(draft: Draft, rng: random.Random) -> str | None:
    """The whole module's source; None where the program fails, or takes fewer than two paths."""
    rows = [_row(draft, rng) for _ in range(12)]
    try:
        chosen = _different_paths(draft, rows)
    except (ReadLimitExceeded, NotTame):
        return None
    return None if chosen is None else draft.source + "\n\n" + _calls(draft, chosen)


class NotTame(Exception):
    """A program that fails on its own, or whose values are not tame."""


def load(source: str, nudge: float = 1.0) -> dict[str, Any]:
    """The namespace of a case's module; ``nudge`` scales the inputs that its ``calls`` give."""
    namespace: dict[str, Any] = {"__name__": "fuzz_case"}
    exec(compile(source, "fuzz_case.py", "exec"), namespace)
    namespace["NUDGE"] = nudge
    return namespace


def session(namespace: dict[str, Any], fresh: bool = False) -> Session:
    """The outcomes of all calls on one model (on a new one each time where ``fresh``), with their reads."""
    found: Session = []
    model, noise = namespace["build"](), drawing_of(namespace)
    for args in namespace["calls"]():
        if fresh:
            model, noise = namespace["build"](), drawing_of(namespace)
        with torch.no_grad(), noise, EagerReads(limit=MOST_READS) as reads:
            found.append((outcome(model, args, {}), reads.log))
    return found


def drawing_of(namespace: Mapping[str, Any]) -> contextlib.AbstractContextManager[Any]:
    """What a program's random numbers are while this is active: those that a bundle has for its seed."""
    return drawing(namespace["SEED"]) if "SEED" in namespace else contextlib.nullcontext()


def _row(draft: Draft, rng: random.Random) -> tuple[Any, ...]:
    seed = rng.randrange(10_000)
    scale, shift = rng.choice((0.2, 0.7, 1.5)), round(rng.uniform(-0.8, 0.8), 2)
    rest = tuple(
        {"n": rng.randrange(5), "g": rng.random() < 0.5, "z": rng.choice(SIZES)}[kind]
        for _, kind in draft.parameters
        if kind in "ngz"
    )
    return (seed, scale, shift, *rest)


def _calls(draft: Draft, rows: list[tuple[Any, ...]]) -> str:
    """``calls()``: tensors are drawn in the order of the parameters, numbers and sizes stand in the row."""
    numbers = [name for name, kind in draft.parameters if kind in "ngz"]
    shapes = {"v": f"{draft.width}", "M": f"3, {draft.width}", "z": "u"}
    free = {name: SHAPE if kind == "z" else None for name, kind in draft.parameters}
    text = ", ".join(f'"{name}": {shape}' for name, shape in free.items())
    arguments = ", ".join(
        name if kind in "ng" else f"(torch.randn({shapes[kind]}, generator=g) * scale + shift) * NUDGE"
        for name, kind in draft.parameters
    )
    return "\n".join(
        [
            *(["from torch.export import Dim\n", f"SHAPES = {{{text}}}"] if any(free.values()) else []),
            *(["SEED = 7"] if any(word in draft.source for word in RANDOM) else []),
            "NUDGE = 1.0\n\n",
            f"def arguments({', '.join(['seed', 'scale', 'shift', *numbers])}):",
            "    g = torch.Generator().manual_seed(seed)",
            f"    return ({arguments},)\n\n",
            "def calls():",
            "    return [",
            *(f"        arguments{row}," for row in rows),
            "    ]\n",
        ]
    )


def _different_paths(draft: Draft, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]] | None:
    """Up to five rows that take different paths, none near a threshold."""
    source = draft.source + "\n\n" + _calls(draft, rows)
    runs = session(load(source), fresh=True)
    for result, _ in runs:
        _require_tame(result)
    nudged = [session(load(source, nudge), fresh=True) for nudge in NUDGES]
    chosen: dict[object, tuple[Any, ...]] = {}
    for i, row in enumerate(rows):
        if all(_same(runs[i], other[i]) for other in nudged):
            chosen.setdefault(_path(runs[i][1]), row)
    sites = {read.line for i in range(len(rows)) for read in runs[i][1]}
    if len(chosen) < 2 or len(sites) < 2:
        return None
    picked = list(chosen.values())[:5]
    source = draft.source + "\n\n" + _calls(draft, picked)
    base = session(load(source))
    for factor in (1.0, *NUDGES):
        if not all(map(_same, base, session(load(source, factor)))):
            return None
    return picked


def _path(reads: list[Read]) -> object:
    """What distinguishes paths: where a call read, and what, except for floats."""
    return tuple((read.line, None if isinstance(read.used, float) else read.used) for read in reads)


def _same(first: tuple[Outcome, list[Read]], second: tuple[Outcome, list[Read]]) -> bool:
    if _path(first[1]) != _path(second[1]):
        return False
    return not compare_outcomes(first[0], second[0], LOOSE).differences


def _require_tame(result: Outcome) -> None:
    if result.failed:
        raise NotTame from result.error
    for leaf in pytree.tree_leaves(result.value):
        if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and leaf.numel():
            leaf = float(leaf.abs().max())
        if isinstance(leaf, float) and not (math.isfinite(leaf) and abs(leaf) < LARGEST):
            raise NotTame(f"{leaf} is not tame")

"""The facts as text, for ``dyncc inspect``."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from dyncc.compiler.report.facts import BlockFacts, Facts, Route
from dyncc.compiler.report.words import amount, count, flops_text, share, shortened

_WIDTH = 100
_SOURCE = 48


def report_lines(facts: Facts) -> list[str]:
    """Paths with their cost, what inputs did, what passes changed, versions."""
    return [*_paths(facts), *_runs(facts), *_passes(facts), *_origin(facts)]


def summary_lines(facts: Facts) -> list[str]:
    """Why the network is dynamic."""
    return [line for sentence in facts.summary for line in wrap(sentence, _WIDTH, subsequent_indent="  ")]


def block_line(block: BlockFacts, facts: Facts) -> str:
    """What a block costs and how often it was entered: one line."""
    operators = ", ".join(f"{op.count} {op.name}" if op.count > 1 else op.name for op in block.operators)
    seen = [
        f"entered {n:,} × by {run.label}" if n else f"never entered by {run.label}"
        for run, n in zip(facts.runs, block.entered, strict=True)
    ]
    parts = [
        shortened(operators, 60),
        f"{amount(block.parameters)} weights" if block.parameters else "",
        flops_text(block.flops, block.free) if block.flops else "",
        *seen,
    ]
    return "; ".join(part for part in parts if part)


def _paths(facts: Facts) -> Iterator[str]:
    if not facts.exits:
        return
    yield "paths"
    for loop in facts.loops:
        head = facts.block(loop.head)
        turn = _range(loop.cheapest, loop.dearest)
        yield f"  a turn of the loop at {head.name} ({head.place}): {turn}"
    for each in facts.exits:
        block = facts.block(each.block)
        once = "" if each.bounded else ", loops turned once"
        cost = _range(each.cheapest, each.dearest)
        yield f"  to {block.name} ({block.place or block.decides}): {cost}{once}"


def _range(least: Route, most: Route) -> str:
    blocks = count(len(most.blocks), "block")
    if len(least.blocks) != len(most.blocks):
        blocks = f"{len(least.blocks)} to {blocks}"
    work = (
        flops_text(most.flops)
        if least.flops == most.flops
        else (f"{amount(least.flops)} to {flops_text(most.flops)}")
    )
    return f"{blocks}, {work}, {amount(most.parameters)} weights"


def _runs(facts: Facts) -> Iterator[str]:
    for at, run in enumerate(facts.runs):
        if not run.calls:
            continue
        yield f"taken by {count(run.calls, 'call')} of {run.label}"
        mean = f"{run.blocks.mean:.1f}".removesuffix(".0")
        yield (
            f"  {mean} of {count(len(facts.blocks), 'block')} on average ({run.blocks.least} to "
            f"{run.blocks.most}), {flops_text(run.flops.mean)} a call"
        )
        if run.raised or run.failed:
            yield f"  {count(run.raised, 'call')} raised, {count(run.failed, 'call')} failed in the engine"
        for block in facts.blocks:
            if block.by:
                yield f"  {block.name} ({block.place})  {shortened(block.decides, _SOURCE)}"
                yield f"      {_ways(block, facts, at)}"


def _ways(block: BlockFacts, facts: Facts, run: int) -> str:
    total = sum(way.taken[run] for way in block.ways)
    if not total:
        return "never reached"
    return ", ".join(
        f"{way.label} {way.taken[run]:,} ({share(way.taken[run], total)})"
        if way.taken[run]
        else f"{way.label} never"
        for way in block.ways
    )


def _passes(facts: Facts) -> Iterator[str]:
    changed = [each for each in facts.passes if each.changed]
    if changed:
        yield "passes"
    for each in changed:
        yield f"  {each.name}"
        yield from (f"    {note}" for note in each.notes)
    if facts.pruning:
        yield "pruned"
        yield from (f"  {line}" for line in facts.pruning)


def _origin(facts: Facts) -> Iterator[str]:
    if facts.checks is not None and facts.checks.largest_error is not None:
        yield f"largest error of a check {facts.checks.largest_error:.1e}"
    yield "compiled with " + ", ".join(f"{name} {version}" for name, version in facts.versions.items())

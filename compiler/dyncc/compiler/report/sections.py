"""The parts of the page below the picture: paths, inputs, blocks, checks, passes, fixed values, origin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from dyncc.compiler.report.drawing import hue
from dyncc.compiler.report.facts import BlockFacts, Facts, Route, Runs
from dyncc.compiler.report.words import amount, count, flops_text, share, shortened

_NOTES = 8
"""Notes of a pass that are shown at once."""
_HERE = 24
"""Rows up to which a table stands open."""


def sections(facts: Facts) -> Iterator[str]:
    yield from _paths(facts)
    yield from _inputs(facts)
    yield from _blocks(facts)
    yield '<div class="cols"><section>'
    yield from _checks(facts)
    yield "</section><section>"
    yield from _passes(facts)
    yield "</section><section>"
    yield from _fixed(facts)
    yield "</section><section>"
    yield from _origin(facts)
    yield "</section></div>"


def code(text: str) -> str:
    """Text in which `such` is code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))


def tag(number: int) -> str:
    return f'<span class="tag" data-b="{number}" style="--h:{hue(number)}">{number}</span>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numeric: frozenset[int]) -> Iterator[str]:
    rows = list(rows)
    tall = " tall" if len(rows) > _HERE else ""
    yield f'<div class="wide{tall}"><table class="data"><thead><tr>'
    yield "".join(f"<th{_class(at, numeric)}>{name}</th>" for at, name in enumerate(head))
    yield "</tr></thead><tbody>"
    for row in rows:
        cells = "".join(f"<td{_class(at, numeric)}>{cell}</td>" for at, cell in enumerate(row))
        yield f"<tr>{cells}</tr>"
    yield "</tbody></table></div>"


def _class(column: int, numeric: frozenset[int]) -> str:
    return ' class="num"' if column in numeric else ""


# --------------------------------------------------------------------------------------------- paths


def _paths(facts: Facts) -> Iterator[str]:
    if not facts.exits:
        return
    yield "<h2>What a path costs</h2>"
    bounded = all(each.bounded for each in facts.exits)
    for loop in facts.loops:
        block = facts.block(loop.head)
        yield (
            f"<p>Each turn of the loop at {tag(loop.head)} <code>{_decided(block)}</code> adds "
            f"{_between(loop.cheapest, loop.dearest)}.</p>"
        )
    most = max(each.dearest.flops for each in facts.exits)
    head = [
        "way out",
        "",
        "blocks",
        "cheapest",
        "dearest" if bounded else "dearest, loops once",
        "",
        "weights",
    ]
    runs = [run for run in facts.runs if run.calls]
    rows = [_exit_row(facts, position, most, runs) for position in range(len(facts.exits))]
    shares = [f"left here, {escape(run.label)}" for run in runs]
    yield from _table([*head, *shares], rows, frozenset({2, 3, 4, 6, *range(7, 7 + len(runs))}))


def _exit_row(facts: Facts, position: int, most: int, runs: Sequence[Runs]) -> list[str]:
    each = facts.exits[position]
    block = facts.block(each.block)
    least, dear = len(each.cheapest.blocks), len(each.dearest.blocks)
    part = 100 * each.dearest.flops / most if most else 0
    row = [
        f"{tag(block.number)} <code>{escape(shortened(block.decides or block.end, 48))}</code>",
        f'<span class="soft where">{escape(block.place)}</span>',
        str(least) if least == dear else f"{least}–{dear}",
        flops_text(each.cheapest.flops),
        flops_text(each.dearest.flops) + ("" if each.bounded else " +"),
        f'<span class="meter"><i style="width:{part:.0f}%"></i></span>',
        amount(each.dearest.parameters),
    ]
    for run in runs:
        taken = block.entered[facts.runs.index(run)]
        row.append(
            f"{taken:,} ({share(taken, run.calls)})" if taken else '<span class="never">never</span>'
        )
    return row


def _between(least: Route, most: Route) -> str:
    blocks = count(len(most.blocks), "block")
    if len(least.blocks) != len(most.blocks):
        blocks = f"{len(least.blocks)} to {blocks}"
    if least.flops == most.flops:
        return f"{blocks}, {flops_text(most.flops)}"
    return f"{blocks}, {amount(least.flops)} to {flops_text(most.flops)}"


def _decided(block: BlockFacts) -> str:
    return escape(shortened(block.decides, 60)) if block.decides else escape(block.place)


# -------------------------------------------------------------------------------------------- inputs


def _inputs(facts: Facts) -> Iterator[str]:
    runs = [(at, run) for at, run in enumerate(facts.runs) if run.calls]
    deciding = [block for block in facts.blocks if block.by]
    if not runs or not deciding:
        return
    yield "<h2>What the inputs did</h2>"
    yield '<ul class="plain">'
    for _, run in runs:
        ended = f", {count(run.raised, 'call')} ended in an exception" if run.raised else ""
        failed = (
            f', <b class="never">{count(run.failed, "call")} failed in the engine</b>' if run.failed else ""
        )
        mean = f"{run.blocks.mean:.1f}".removesuffix(".0")
        yield (
            f"<li>{count(run.calls, 'call')} of {escape(run.label)}: {mean} of {len(facts.blocks)} blocks "
            f"on average ({run.blocks.least} to {run.blocks.most}), {flops_text(run.flops.mean)} a call "
            f"({amount(run.flops.least)} to {flops_text(run.flops.most)}){ended}{failed}</li>"
        )
    yield "</ul>"
    yield from _never(facts)
    head = ["decision", "", *(escape(run.label) for _, run in runs)]
    rows = [
        [
            f"{tag(block.number)} <code>{_decided(block)}</code>",
            f'<span class="soft where">{escape(block.place)}</span>',
            *(_split(block, at) for at, _ in runs),
        ]
        for block in deciding
    ]
    yield from _table(head, rows, frozenset())


def _never(facts: Facts) -> Iterator[str]:
    """The ways that none of the calls took, from blocks that they came to."""
    missed = [
        f"{tag(block.number)} <code>{_decided(block)}</code> {escape(way.label)} → {tag(way.target)}"
        for block in facts.blocks
        for way in block.ways
        if block.by and any(block.entered) and not any(way.taken)
    ]
    unseen = [block for block in facts.blocks if not any(block.entered)]
    if not missed and not unseen:
        yield "<p>Every way was taken, every block was run.</p>"
        return
    yield '<div class="note"><b>Never taken</b>'
    if missed:
        yield f" by these calls: {count(len(missed), 'way')}<ul>"
        yield "".join(f"<li>{item}</li>" for item in missed[:_NOTES])
        if len(missed) > _NOTES:
            yield f"<li>and {len(missed) - _NOTES} more, below</li>"
        yield "</ul>"
    if unseen:
        tags = " ".join(tag(block.number) for block in unseen[: 4 * _NOTES])
        more = f" and {len(unseen) - 4 * _NOTES} more" if len(unseen) > 4 * _NOTES else ""
        yield f"<p>{count(len(unseen), 'block')} never entered: {tags}{more}</p>"
    yield "</div>"


def _split(block: BlockFacts, run: int) -> str:
    """How often each way was taken, as a bar with its parts."""
    total = sum(way.taken[run] for way in block.ways)
    if not total:
        return '<span class="never">never came here</span>'
    parts = [
        f'<i style="flex:{way.taken[run]} 0 0" title="{escape(text)}">{escape(text)}</i>'
        for way in block.ways
        if way.taken[run] and (text := f"{way.label} {way.taken[run]:,}")
    ]
    ways = ", ".join(
        f"{escape(way.label)} {share(way.taken[run], total)}"
        if way.taken[run]
        else f'<span class="never">{escape(way.label)} never</span>'
        for way in block.ways[:6]
    )
    rest = " …" if len(block.ways) > 6 else ""
    return f'<span class="split">{"".join(parts)}</span><small>{ways}{rest}</small>'


# -------------------------------------------------------------------------------------------- blocks


def _blocks(facts: Facts) -> Iterator[str]:
    yield "<h2>All blocks</h2>"
    if len(facts.blocks) > _HERE:
        yield f"<details><summary>{count(len(facts.blocks), 'block')}</summary>"
    head = ["block", "source", "operators", "weights", "work", "ends"]
    rows = [
        [
            f'<span class="where">{tag(block.number)} <code>{escape(block.name)}</code></span>',
            f'<span class="soft where">{escape(block.place)}</span>',
            _operators(block, facts),
            amount(block.parameters) if block.parameters else "–",
            flops_text(block.flops, block.free) if block.flops else "–",
            f"<code>{escape(shortened(block.decides, 40)) or block.end}</code> {_targets(block)}",
        ]
        for block in facts.blocks
    ]
    yield from _table(head, rows, frozenset({3, 4}))
    if len(facts.blocks) > _HERE:
        yield "</details>"


def _operators(block: BlockFacts, facts: Facts) -> str:
    names = ", ".join(f"{op.count} {op.name}" if op.count > 1 else op.name for op in block.operators)
    host = f'<span class="soft">{count(block.host, "host instruction")}</span>' if block.host else ""
    return "; ".join(part for part in (escape(names), host) if part) or "–"


def _targets(block: BlockFacts) -> str:
    return " ".join(
        f'<span class="soft">{escape(way.label)} →</span> {tag(way.target)}' for way in block.ways
    )


# -------------------------------------------------------------------------------------------- checks


def _checks(facts: Facts) -> Iterator[str]:
    yield "<h2>What was checked</h2>"
    checks = facts.checks
    if checks is None:
        why = "it is pruned; what was compared stands below" if facts.pruning else "checks were off"
        yield f'<p class="note">The bundle was not compared with eager PyTorch: {why}.</p>'
        return
    taken = checks.ways - len(checks.unchecked)
    error = (
        "" if checks.largest_error is None else f", the largest difference was {checks.largest_error:.1e}"
    )
    yield (
        f"<p>{count(checks.paths, 'path')} of forced decisions, every block and the examples were compared "
        f"with eager PyTorch{error}. {taken} of {count(checks.ways, 'way')} between blocks were taken.</p>"
    )
    if checks.unchecked:
        yield f'<div class="note"><b>Not checked</b>: {count(len(checks.unchecked), "way")}, compiled as '
        yield "the others, from types alone<ul>"
        for each in checks.unchecked:
            yield f"<li>{escape(each.place)} <code>{escape(each.way)}</code>: {escape(each.why)}</li>"
        yield "</ul></div>"
    if checks.ties:
        yield '<div class="note"><b>Near ties</b>, decided within rounding of the threshold<ul>'
        yield "".join(f"<li>{escape(text)}</li>" for text in checks.ties)
        yield "</ul></div>"


def _passes(facts: Facts) -> Iterator[str]:
    yield "<h2>What the passes changed</h2>"
    changed = [each for each in facts.passes if each.changed]
    for each in changed:
        yield f"<p><code>{escape(each.name)}</code></p>"
        items = [f"<li>{code(note)}</li>" for note in each.notes]
        yield f'<ul class="plain">{"".join(items[:_NOTES])}</ul>'
        if len(items) > _NOTES:
            yield f"<details><summary>{len(items) - _NOTES} more</summary>"
            yield f'<ul class="plain">{"".join(items[_NOTES:])}</ul></details>'
    idle = list(dict.fromkeys(each.name for each in facts.passes if not each.changed))
    if idle:
        yield f'<p class="soft">Nothing to do for {escape(", ".join(idle))}.</p>'
    if facts.pruning:
        items = [f"<li>{escape(line)}</li>" for line in facts.pruning]
        yield f'<p>Pruned</p><ul class="plain">{"".join(items)}</ul>'


def _fixed(facts: Facts) -> Iterator[str]:
    yield "<h2>Fixed at compile time</h2>"
    if not facts.fixed:
        yield '<p class="soft">Nothing that a call could change.</p>'
        return
    rows = [
        [code(item.what), f"<code>{escape(shortened(item.value, 80))}</code>", escape(item.place)]
        for item in facts.fixed
    ]
    yield from _table(["what", "value", "source"], rows, frozenset())


def _origin(facts: Facts) -> Iterator[str]:
    yield "<h2>Where it comes from</h2><dl>"
    engine = facts.engine
    others = {name: list(engine.graphs.values()).count(name) for name in engine.graphs.values()}
    engines = [f"{name} ({count(number, 'block')})" for name, number in others.items()]
    items = [
        ("made by", f"<code>{escape(facts.command)}</code>" if facts.command else ""),
        ("engine", escape(", ".join([engine.name, *engines]))),
        *(
            ("method", f"<code>{escape(entry.signature)}</code> {tag(entry.block)}")
            for entry in facts.entries
        ),
        *(("state", f"<code>{escape(text)}</code>") for text in facts.state),
        ("versions", escape(", ".join(f"{name} {version}" for name, version in facts.versions.items()))),
        ("program.json", f"<code>{facts.sha256}</code>"),
    ]
    yield "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in items if value)
    yield "</dl>"

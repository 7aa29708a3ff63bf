"""``report.html``: the facts as one page. No file, font or address of elsewhere; readable without scripts.

Everything that comes from a program or its source goes through :func:`html.escape`.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from dyncc.compiler.report.drawing import hue, svg
from dyncc.compiler.report.facts import Facts, Line, SourceFile
from dyncc.compiler.report.figure import figures
from dyncc.compiler.report.highlight import highlighted
from dyncc.compiler.report.sections import code, sections
from dyncc.compiler.report.summary import returning
from dyncc.compiler.report.words import amount, count, flops_text

_HERE = Path(__file__).parent
_CHIPS = 4
"""Blocks that are named beside a line."""


def page(facts: Facts) -> str:
    """The page: a pure function of the facts."""
    title = escape(f"{facts.name} · dyncc")
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en" class="nojs">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            # nothing is loaded, whatever a name in the program may look like
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">",
            f"<title>{title}</title>\n<style>\n{_file('style.css')}</style>\n</head>\n<body>",
            *_head(facts),
            '<main>\n<div class="panes">',
            *_graphs(facts),
            *_sources(facts),
            "</div>",
            *sections(facts),
            "</main>",
            *_foot(facts),
            f"<script>\n{_file('script.js')}</script>\n</body>\n</html>\n",
        ]
    )


def _file(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _head(facts: Facts) -> Iterator[str]:
    first, *more = facts.summary
    yield f"<header>\n<h1><b>{escape(facts.name)}</b>, compiled by {escape(facts.generator)}</h1>"
    yield f'<p class="lead">{code(first)}</p>'
    if more:
        yield f'<p class="soft">{code(" ".join(more))}</p>'
    decisions = sum(block.by != "" for block in facts.blocks)
    figures = [
        (f"{len(facts.blocks):,}", "block" if len(facts.blocks) == 1 else "blocks"),
        (f"{decisions:,}", "decision" if decisions == 1 else "decisions"),
        *([(f"{len(facts.loops):,}", "loop" if len(facts.loops) == 1 else "loops")] if facts.loops else []),
        (f"{len(facts.exits):,}", "way out" if len(facts.exits) == 1 else "ways out"),
        (amount(facts.whole.parameters), "weights"),
    ]
    exits = returning(facts.blocks, facts.exits)
    if exits and facts.whole.flops:
        least = min(each.cheapest.flops for each in exits)
        most = max(each.dearest.flops for each in exits)
        open_end = "" if all(each.bounded for each in exits) else " and more"
        text = flops_text(most) if least == most else f"{amount(least)} to {flops_text(most)}{open_end}"
        figures.append((text, "a call"))
    items = "".join(f"<li><b>{escape(value)}</b><span>{name}</span></li>" for value, name in figures)
    yield f'<ul class="figures">{items}</ul>\n</header>'


def _graphs(facts: Facts) -> Iterator[str]:
    whole, folded = figures(facts)
    name = f"control flow of {facts.name}"
    yield '<div class="graphs">'
    if folded is not None:
        yield '<input class="pick" type="radio" name="pick" id="pick-folded" checked>'
        yield '<input class="pick" type="radio" name="pick" id="pick-all">'
    yield '<section class="pane" aria-label="control flow"><div class="bar"><b>Control flow</b>'
    if folded is not None:
        yield '<label for="pick-folded">repetitions folded</label><label for="pick-all">all blocks</label>'
    yield (
        '<span class="right"><button data-zoom="0.8" title="smaller">−</button>'
        '<button data-zoom="1.25" title="larger">+</button>'
        '<button data-zoom="fit" title="the whole picture">fit</button></span></div>'
    )
    yield '<div class="scroll">'
    if folded is not None:
        yield f'<div class="graph folded">{svg(folded, facts, f"{name}, repetitions folded")}</div>'
        yield f'<div class="graph all">{svg(whole, facts, name)}</div>'
    else:
        yield f'<div class="graph">{svg(whole, facts, name)}</div>'
    yield f"</div>{_legend(facts)}</section></div>"


def _legend(facts: Facts) -> str:
    def line(kind: str) -> str:
        return (
            '<svg class="flow" width="30" height="10" aria-hidden="true">'
            f'<path class="way{kind}" style="stroke-width:2" d="M1 5H29"/></svg>'
        )

    items = ["a box is a block: a sub-network without decisions; below, what it decides"]
    if any(facts.loops):
        items.append(f"{line(' back')}back to the head of a loop")
    if facts.runs and facts.runs[-1].calls:
        run = facts.runs[-1]
        shown = f"{count(run.calls, 'call')} of {escape(run.label)}"
        items += [f"counts and widths: {shown}", f"{line(' never')}never taken by them"]
    items.append("the bar is its work, against the dearest block's")
    return f'<div class="legend">{"".join(f"<span>{item}</span>" for item in items)}</div>'


def _sources(facts: Facts) -> Iterator[str]:
    yield '<section class="pane" aria-label="source"><div class="bar"><b>Source</b>'
    yield "<span>numbers are the blocks that a line belongs to</span></div>"
    yield '<div class="scroll">'
    for source in facts.sources:
        yield f'<div class="file">{escape(source.name)}</div><table class="src">'
        yield from _lines(source)
        yield "</table>"
    if not facts.sources:
        yield '<p class="bar">The source is not at hand.</p>'
    yield "</div></section>"


def _lines(source: SourceFile) -> Iterator[str]:
    last = None
    for line, text in zip(source.lines, highlighted(source.lines), strict=True):
        if last is not None and line.number != last + 1:
            yield '<tr class="gap"><td></td><td></td><td>⋮</td></tr>'
        last = line.number
        yield f'<tr{_owners(line)}><td class="n">{line.number}</td><td class="g">{_chips(line)}</td>' + (
            f"<td>{text}</td></tr>"
        )


def _owners(line: Line) -> str:
    if not line.blocks:
        return ""
    numbers = " ".join(map(str, line.blocks))
    if len(line.blocks) != 1:
        return f' class="many" data-b="{numbers}" data-h="220"'
    colour = hue(line.blocks[0])
    return f' class="own" data-b="{numbers}" data-h="{colour}" style="--h:{colour}"'


def _chips(line: Line) -> str:
    shown = line.blocks[:_CHIPS] if len(line.blocks) > _CHIPS + 1 else line.blocks
    chips = "".join(f'<i data-b="{number}" style="--h:{hue(number)}">{number}</i>' for number in shown)
    rest = len(line.blocks) - len(shown)
    return chips + (f"<small>+{rest}</small>" if rest else "")


def _foot(facts: Facts) -> Iterator[str]:
    yield "<footer><p>FLOPs are twice the multiply-adds of convolutions, matrix products and recurrent "
    yield "layers; other operators are not counted"
    if any(block.free for block in facts.blocks):
        yield ", and a size that differs from call to call counts as 1 (≥)"
    yield ". Weights are floating-point numbers; on a path each counts once. This page loads nothing from "
    yield "elsewhere; <code>dyncc inspect --json</code> says the same for programs.</p></footer>"

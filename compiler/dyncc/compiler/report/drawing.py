"""A figure as inline SVG. Colours and lines are those of ``style.css``; without it it is still readable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from dyncc.compiler.report.facts import Facts
from dyncc.compiler.report.figure import Arrow, Box, Figure
from dyncc.compiler.report.flow import Flow
from dyncc.compiler.report.layout import Node, Picture, Point, Segment, draw
from dyncc.compiler.report.paths import curved, rounded
from dyncc.compiler.report.words import flops_text, shortened

WIDTH = 244.0
_TITLE, _LINE, _FOOT = 25.0, 16.0, 24.0
_LETTER = 7.0
"""Width of a letter of a pill's text."""
_BESIDE = 3
"""Ways of a block up to which their labels stand where they leave; else where they arrive."""


def hue(number: int) -> int:
    """The colour of a block: neighbours are far apart on the wheel."""
    return int(number * 137.508) % 360


@dataclass(frozen=True)
class _Seen:
    """The calls whose counts the picture shows: the last of the runs."""

    run: int
    calls: int
    most: int

    def of(self, counts: Sequence[int]) -> int | None:
        return counts[self.run] if self.calls and counts else None


def svg(figure: Figure, facts: Facts, label: str) -> str:
    """The figure. ``label`` is what it is called for those who cannot see it."""
    seen = _seen(figure, facts)
    picture = _picture(figure)
    parts = [
        f'<svg class="flow" role="img" aria-label="{escape(label)}" width="{picture.width:.0f}" '
        f'height="{picture.height:.0f}" viewBox="{picture.left:.0f} 0 {picture.width:.0f} '
        f'{picture.height:.0f}">',
        *(_segment(each, figure, seen) for each in picture.segments),
        *(_box(box, top, facts, seen) for box, top in zip(figure.boxes, picture.tops, strict=True)),
        *_labels(figure, picture, seen),
        "</svg>",
    ]
    return "\n".join(parts)


def _seen(figure: Figure, facts: Facts) -> _Seen:
    run = len(facts.runs) - 1
    if run < 0:
        return _Seen(0, 0, 0)
    most = max((arrow.taken[run] for arrow in figure.arrows if arrow.taken), default=0)
    return _Seen(run, facts.runs[run].calls, most)


def _picture(figure: Figure) -> Picture:
    edges = [(arrow.source, arrow.target) for arrow in figure.arrows]
    successors: list[list[int]] = [[] for _ in figure.boxes]
    numbers: list[list[int]] = [[] for _ in figure.boxes]
    for number, (source, target) in enumerate(edges):
        successors[source].append(target)
        numbers[source].append(number)
    entries = [number for number, box in enumerate(figure.boxes) if box.kind == "entry"]
    flow = Flow.of(successors, entries, [0] * len(figure.boxes))
    back = frozenset(numbers[node][position] for node, position in flow.back)
    return draw([Node(*_measure(box)) for box in figure.boxes], edges, back, flow.order())


def _measure(box: Box) -> tuple[float, float]:
    if box.kind == "entry":
        letters = max(map(len, (box.title, *box.lines)))
        return max(60.0, letters * _LETTER + 28), 28.0 + _LINE * len(box.lines)
    lines = sum(1 for line in box.lines if line)
    return WIDTH, _TITLE + _LINE * lines + 8 + (_FOOT if box.foot else 0.0)


# --------------------------------------------------------------------------------------------- boxes


def _box(box: Box, top: Point, facts: Facts, seen: _Seen) -> str:
    width, height = _measure(box)
    x, y = top[0] - width / 2, top[1]
    if box.kind == "entry":
        return _pill(box, x, y, width, height)
    never = " never" if seen.of(box.entered) == 0 else ""
    numbers = " ".join(map(str, box.blocks))
    parts = [
        f'<g class="box {box.kind}{never}" data-b="{numbers}" style="--h:{hue(box.blocks[0])}">',
        f"<title>{escape(_tip(box, facts))}</title>",
    ]
    if box.kind == "fold":
        parts += [_rect("body", x + 8, y + 8, width, height), _rect("body", x + 4, y + 4, width, height)]
    parts.append(_rect("body", x, y, width, height))
    parts.append(f'<path class="stripe" d="{_left_side(x, y, height)}"/>')
    parts += _texts(box, x, y, width, seen)
    if box.foot:
        bottom = y + height
        parts.append(f'<path class="foot" d="{_bottom_side(x + 5, bottom, width - 5)}"/>')
        parts.append(_text("f", x + 15, bottom - 8, box.foot))
    return "".join([*parts, "</g>"])


def _texts(box: Box, x: float, y: float, width: float, seen: _Seen) -> Iterator[str]:
    entered = seen.of(box.entered)
    beside = "" if entered is None or box.times else f"{entered:,} ×" if entered else "never"
    yield _text("t", x + 15, y + 18, shortened(box.title, int((width - 30) / 7.3) - len(beside)))
    if beside:
        yield _text("e", x + width - 9, y + 18, beside, "end")
    if box.work:
        yield f'<rect class="rail" x="{x + 15:.0f}" y="{y + 24:.0f}" width="{width - 24:.0f}" height="3"/>'
        part = max(1.0, (width - 24) * box.work)
        yield f'<rect class="work" x="{x + 15:.0f}" y="{y + 24:.0f}" width="{part:.1f}" height="3"/>'
    shown = [line for line in box.lines if line]
    for number, line in enumerate(shown):
        yield _text("l", x + 15, y + _TITLE + 14 + _LINE * number, line)


def _tip(box: Box, facts: Facts) -> str:
    """Everything about a block, where the pointer rests."""
    if len(box.blocks) != 1:
        return f"{box.title}\n{chr(10).join(box.lines)}"
    block = facts.block(box.blocks[0])
    operators = ", ".join(f"{op.count} {op.name}" for op in block.operators)
    entered = [f"entered {n:,} times by {r.label}" for r, n in zip(facts.runs, block.entered, strict=True)]
    lines = [
        f"#{block.number} {block.name}",
        block.place,
        operators or "no operators",
        f"{block.parameters:,} weights, {flops_text(block.flops, block.free)}",
        f"{block.host} instructions of the host" if block.host else "",
        block.decides,
        *entered,
    ]
    return "\n".join(line for line in lines if line)


def _pill(box: Box, x: float, y: float, width: float, height: float) -> str:
    middle = x + width / 2
    lines = [
        _text("l", middle, y + 19 + _LINE * number, line, "middle")
        for number, line in enumerate(box.lines, 1)
    ]
    rect = f'<rect class="body" x="{x:.1f}" y="{y:.1f}" width="{width:.0f}" height="{height:.0f}" rx="14"/>'
    return f'<g class="entry">{rect}{_text("t", middle, y + 19, box.title, "middle")}{"".join(lines)}</g>'


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.0f}" height="{height:.0f}" rx="6"/>'
    )


def _left_side(x: float, y: float, height: float) -> str:
    return f"M{x + 6:.1f} {y:.1f}h-0q-6 0-6 6v{height - 12:.0f}q0 6 6 6z"


def _bottom_side(x: float, bottom: float, width: float) -> str:
    return f"M{x:.1f} {bottom - _FOOT:.1f}h{width:.0f}v{_FOOT - 6:.0f}q0 6-6 6h-{width - 6:.0f}z"


def _text(kind: str, x: float, y: float, text: str, anchor: str = "") -> str:
    where = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{where}>{escape(text)}</text>'


# -------------------------------------------------------------------------------------------- arrows


def _segment(segment: Segment, figure: Figure, seen: _Seen) -> str:
    arrows = [figure.arrows[number] for number in segment.edges]
    counts = [count for arrow in arrows if (count := seen.of(arrow.taken)) is not None]
    kinds = ["way"]
    width = 1.4
    if counts:
        kinds += ["never"] if not sum(counts) else []
        width += 4.6 * min(1.0, sum(counts) / seen.most) if seen.most else 0.0
    if segment.back:
        kinds.append("back")
    points = segment.points
    if segment.end:  # the arrow's head covers the last bit of the line
        points = (*points[:-1], (points[-1][0], points[-1][1] - 7))
    path = (rounded if segment.back else curved)(points)
    line = f'<path class="{" ".join(kinds)}" d="{path}" style="stroke-width:{width:.1f}"/>'
    if not segment.end:
        return line
    x, y = segment.points[-1]
    head = f'<path class="{" ".join(["head", *kinds[1:]])}" d="M{x:.1f} {y:.1f}l-5-9h10z"/>'
    return line + head


def _labels(figure: Figure, picture: Picture, seen: _Seen) -> Iterator[str]:
    leaving: dict[int, list[int]] = {}
    for number, arrow in enumerate(figure.arrows):
        leaving.setdefault(arrow.source, []).append(number)
    for numbers in leaving.values():
        numbers.sort(key=lambda number: picture.ports[number][0])
        for place, number in enumerate(numbers):
            text = _label(figure.arrows[number], seen)
            if text:
                x, y, anchor = _label_place(number, place, len(numbers), picture)
                never = " never" if seen.of(figure.arrows[number].taken) == 0 else ""
                yield _text(f"w{never}", x, y, text, anchor)


def _label(arrow: Arrow, seen: _Seen) -> str:
    taken = seen.of(arrow.taken)
    if taken is None:
        return arrow.label
    counted = f"{taken:,} ×" if taken else "never"
    return f"{arrow.label} · {counted}" if arrow.label else (counted if not taken else "")


def _label_place(number: int, place: int, ways: int, picture: Picture) -> tuple[float, float, str]:
    x, y = picture.ports[number]
    if ways > _BESIDE:
        first = next(s for s in picture.segments if number in s.edges and s.points[0] == (x, y))
        end = first.points[-1]
        return (end[0] - 7, end[1] - 12, "end") if x > end[0] else (end[0] + 7, end[1] - 12, "start")
    if ways == 1:
        return x + 8, y + 14, "start"
    if ways == 2 and place == 0:
        return x - 8, y + 14, "end"
    return x + 8, y + 14, "start"

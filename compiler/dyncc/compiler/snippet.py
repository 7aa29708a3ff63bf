"""Source lines with labelled spans under them.

Single-line spans are underlined, ``^`` for the primary and ``-`` for others; the rightmost label of a line
stands beside its underline, the others hang below on connectors::

    14 |     y = f(a, b) + g(c)
       |         -----     ^^^^ and this
       |         |
       |         this

A span of several lines has a lane at the left::

     9 |       y = f(
       |  _________^
    10 | |         a,
    11 | |     )
       | |_____^ all of this
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dyncc.runtime.program import Span

Piece: TypeAlias = tuple[str, str]
"""Text and the name of its style."""

TAB = 4
KEEP = 4
"""Lines shown at the head of a long span; of the rest only the last line is."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A labelled span; the primary one is underlined with ``^``."""

    span: Span
    text: str
    primary: bool

    @property
    def mark(self) -> str:
        return "^" if self.primary else "-"

    @property
    def style(self) -> str:
        return "primary" if self.primary else "secondary"

    @property
    def multiline(self) -> bool:
        return self.span.end_line > self.span.line


class Canvas:
    """Rows of single cells with a style each, written at random positions."""

    def __init__(self) -> None:
        self._rows: list[dict[int, Piece]] = []

    def put(self, row: int, column: int, text: str, style: str) -> None:
        while len(self._rows) <= row:
            self._rows.append({})
        for offset, character in enumerate(text):
            self._rows[row][column + offset] = (character, style)

    def taken(self, row: int, column: int) -> bool:
        return row < len(self._rows) and column in self._rows[row]

    def lines(self) -> list[list[Piece]]:
        """The rows as runs of pieces; empty rows are left out."""
        result: list[list[Piece]] = []
        for cells in self._rows:
            if not cells:
                continue
            result.append([cells.get(column, (" ", "plain")) for column in range(max(cells) + 1)])
        return result


def snippet(source: Mapping[int, str], annotations: Sequence[Annotation], width: int) -> list[list[Piece]]:
    """The lines of ``source`` (by line number) that ``annotations`` touch, with their labels.

    ``width`` is that of the line numbers. A line of ``source`` may be missing or empty.
    """
    lanes = _lanes(annotations)
    margin = 2 * len(set(lanes.values())) + 1 if lanes else 1
    rows: list[list[Piece]] = []
    previous = 0
    for number in _shown_lines(annotations):
        if previous and number > previous + 1:
            rows += _gap(source, annotations, lanes, (previous, number), (width, margin))
        rows += _line(source.get(number, ""), number, annotations, lanes, (width, margin))
        previous = number
    return rows


def _lanes(annotations: Sequence[Annotation]) -> dict[int, int]:
    """The lane of each multi-line annotation (by index): nested and overlapping spans get their own."""
    lanes: dict[int, int] = {}
    order = sorted(
        (index for index, a in enumerate(annotations) if a.multiline),
        key=lambda i: (annotations[i].span.line, -annotations[i].span.end_line),
    )
    for index in order:
        span = annotations[index].span
        busy = {lane for other, lane in lanes.items() if annotations[other].span.end_line >= span.line}
        lanes[index] = next(lane for lane in range(len(annotations)) if lane not in busy)
    return lanes


def _shown_lines(annotations: Sequence[Annotation]) -> list[int]:
    numbers: set[int] = set()
    for annotation in annotations:
        first, last = annotation.span.line, max(annotation.span.end_line, annotation.span.line)
        numbers.update(range(first, min(first + KEEP, last + 1)))
        numbers.add(last)
    return sorted(numbers)


def _gap(
    source: Mapping[int, str],
    annotations: Sequence[Annotation],
    lanes: Mapping[int, int],
    between: tuple[int, int],
    sizes: tuple[int, int],
) -> list[list[Piece]]:
    """One missing line is printed, more are elided."""
    before, after = between
    width = sizes[0]
    if after == before + 2 and before + 1 in source:
        return _line(source[before + 1], before + 1, annotations, lanes, sizes)
    bars = Canvas()
    for index, lane in lanes.items():
        if annotations[index].span.line <= before and annotations[index].span.end_line >= after:
            bars.put(0, 2 * lane + 1, "|", annotations[index].style)
    dots: Piece = ("..." + " " * max(0, width + 2 - 3), "gutter")
    return [[dots, *line] for line in bars.lines()] or [[("...", "gutter")]]


def _line(
    text: str,
    number: int,
    annotations: Sequence[Annotation],
    lanes: Mapping[int, int],
    sizes: tuple[int, int],
) -> list[list[Piece]]:
    """A source line and the rows below it."""
    width, margin = sizes
    head = Canvas()
    for index, lane in lanes.items():
        annotation = annotations[index]
        if annotation.span.line < number <= annotation.span.end_line:
            head.put(0, 2 * lane + 1, "|", annotation.style)
        elif annotation.span.line == number and _at_head(text, annotation.span.column):
            head.put(0, 2 * lane + 1, "/", annotation.style)
    lead = head.lines()[0] if head.lines() else []
    lead += [(" ", "plain")] * (margin - len(lead))
    gutter: Piece = (f"{number:>{width}} |", "gutter")
    rows = [[gutter, *lead, (expand(text), "source")]]
    below = Canvas()
    row = _single(below, text, [a for a in annotations if _single_on(a, number)], margin)
    _multi(below, row, text, number, annotations, lanes, margin)
    blank: Piece = (f"{' ' * width} |", "gutter")
    return rows + [[blank, *line] for line in below.lines()]


def _single_on(annotation: Annotation, number: int) -> bool:
    return not annotation.multiline and annotation.span.line == number


def _single(canvas: Canvas, text: str, annotations: Sequence[Annotation], margin: int) -> int:
    """Underlines and labels of the spans within one line; returns the number of rows used."""
    if not annotations:
        return 0
    placed = sorted(annotations, key=lambda a: (a.span.column, a.span.end_column))
    starts = [margin + offset(text, a.span.column) for a in placed]
    ends = [_end(text, a, start, margin) for a, start in zip(placed, starts, strict=True)]
    for a, start, end in sorted(zip(placed, starts, ends, strict=True), key=lambda item: item[0].primary):
        canvas.put(0, start, a.mark * (end - start), a.style)
    labelled = [(a, s, e) for a, s, e in zip(placed, starts, ends, strict=True) if a.text]
    if not labelled:
        return 1
    last, _, end = labelled[-1]
    beside = end >= max(ends) and len({s for _, s, _ in labelled}) == len(labelled)
    if beside:
        canvas.put(0, end + 1, _one_line(last.text), last.style)
        labelled.pop()
    row = 1
    for index in range(len(labelled) - 1, -1, -1):
        for a, start, _ in labelled[: index + 1]:
            canvas.put(row, start, "|", a.style)
        if index == len(labelled) - 1:
            row += 1
        a, start, _ = labelled[index]
        for b, other, _ in labelled[:index]:
            canvas.put(row, other, "|", b.style)
        canvas.put(row, start, _one_line(a.text), a.style)
        row += 1
    return row


def _end(text: str, annotation: Annotation, start: int, margin: int) -> int:
    """Where the underline ends: at least one cell long."""
    return max(start + 1, margin + offset(text, annotation.span.end_column))


def _multi(
    canvas: Canvas,
    row: int,
    text: str,
    number: int,
    annotations: Sequence[Annotation],
    lanes: Mapping[int, int],
    margin: int,
) -> None:
    """The heads and feet of spans of several lines that begin or end here, and the lanes that pass by."""
    for index, lane in lanes.items():
        a = annotations[index]
        if a.span.line == number and not _at_head(text, a.span.column):
            column = margin + offset(text, a.span.column)
            canvas.put(row, 2 * lane + 2, "_" * (column - 2 * lane - 2), a.style)
            canvas.put(row, column, a.mark, a.style)
            row += 1
        elif a.span.end_line == number:
            column = max(margin, margin + offset(text, a.span.end_column) - 1)
            canvas.put(row, 2 * lane + 1, "|" + "_" * (column - 2 * lane - 2), a.style)
            canvas.put(row, column, a.mark, a.style)
            canvas.put(row, column + 2, _one_line(a.text), a.style)
            row += 1
    for index, lane in lanes.items():
        a = annotations[index]
        for passed in range(row):
            inside = a.span.line < number < a.span.end_line
            begun = a.span.line == number and _at_head(text, a.span.column)
            if (inside or begun) and not canvas.taken(passed, 2 * lane + 1):
                canvas.put(passed, 2 * lane + 1, "|", a.style)


def _at_head(text: str, column: int) -> bool:
    return not text[: column - 1].strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def expand(text: str) -> str:
    """``text`` as printed: a tab is four spaces (labels cannot be placed under a real one)."""
    return text.replace("\t", " " * TAB)


def offset(text: str, column: int) -> int:
    """The cell at which the 1-based character ``column`` of ``text`` is printed.

    Wide characters take two cells, combining ones none.
    """
    return sum(_cells(character) for character in text[: max(column - 1, 0)])


def _cells(character: str) -> int:
    if character == "\t":
        return TAB
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

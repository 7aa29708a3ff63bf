"""Rendering of diagnostics in the form that rustc made common: the source lines with labels under them.

:func:`layout` makes lines of styled pieces; :func:`render` joins them as plain text, :func:`rich_text`
colours them. Source is read through :mod:`linecache`; where it is missing the place alone is printed.
"""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from dyncc.compiler.diagnostics import Diagnostic, Label
from dyncc.compiler.snippet import Annotation, Piece, snippet
from dyncc.runtime.program import Span

if TYPE_CHECKING:
    from rich.text import Text

Line: TypeAlias = "list[Piece]"

THEME = {
    "error": "bold red",
    "warning": "bold yellow",
    "note": "bold cyan",
    "help": "bold green",
    "message": "bold",
    "gutter": "bold blue",
    "secondary": "bold blue",
    "primary": "bold red",
    "source": "",
    "plain": "",
}
"""Style names of pieces, as rich styles; ``primary`` follows the severity."""


def render(diagnostics: Iterable[Diagnostic]) -> str:
    """All diagnostics as plain text, a blank line between them, no final newline."""
    return "\n\n".join(
        "\n".join("".join(text for text, _ in line).rstrip() for line in layout(diagnostic))
        for diagnostic in diagnostics
    )


def rich_text(diagnostics: Iterable[Diagnostic]) -> Text:
    """As :func:`render`, coloured."""
    from rich.text import Text

    text = Text(no_wrap=True, overflow="ignore")
    for number, diagnostic in enumerate(diagnostics):
        text.append("\n\n" if number else "")
        theme = THEME | {"primary": THEME[diagnostic.severity]}
        for index, line in enumerate(layout(diagnostic)):
            text.append("\n" if index else "")
            for piece, style in line:
                text.append(piece, theme[style])
    return text


def display_path(path: str) -> str:
    """``path`` relative to the working directory where it lies below it, else as it is."""
    if not os.path.isabs(path):
        return path
    try:
        relative = os.path.relpath(path)
    except ValueError:  # on another drive
        return path
    return path if relative.startswith(os.pardir) else relative


def layout(diagnostic: Diagnostic) -> list[Line]:
    """The lines of one diagnostic, each a list of (text, style)."""
    lines: list[Line] = [_title(diagnostic)]
    labels = _labels(diagnostic)
    width = _gutter_width(labels)
    for number, (path, group) in enumerate(_by_file(labels)):
        lines += _file_section(path, group, width, first=number == 0, primary=diagnostic.span)
    for kind, texts in (("note", diagnostic.notes), ("help", diagnostic.helps)):
        for text in texts:
            lines += _footer(kind, text)
    if diagnostic.code:
        lines.append([("explain", "gutter"), (f": dyncc explain {diagnostic.code}", "plain")])
    return lines


def _title(diagnostic: Diagnostic) -> Line:
    code = f"[{diagnostic.code}]" if diagnostic.code else ""
    first, *rest = diagnostic.message.splitlines() or [""]
    message = "\n".join([first, *(f"  {line}" for line in rest)])
    return [(f"{diagnostic.severity}{code}", diagnostic.severity), (f": {message}", "message")]


def _footer(kind: str, text: str) -> list[Line]:
    first, *rest = text.splitlines() or [""]
    indent = " " * (len(kind) + 2)
    return [[(kind, kind), (f": {first}", "plain")], *([(indent + line, "plain")] for line in rest)]


def _labels(diagnostic: Diagnostic) -> list[Label]:
    if diagnostic.span is None:
        return list(diagnostic.related)
    return [Label(diagnostic.span, diagnostic.label), *diagnostic.related]


def _gutter_width(labels: Sequence[Label]) -> int:
    return max((len(str(label.span.end_line)) for label in labels), default=1)


def _by_file(labels: Sequence[Label]) -> list[tuple[str, list[Label]]]:
    """Labels grouped by file, the primary's file first, in order of mention."""
    groups: dict[str, list[Label]] = {}
    for label in labels:
        groups.setdefault(label.span.path, []).append(label)
    return list(groups.items())


def _file_section(
    path: str, labels: Sequence[Label], width: int, *, first: bool, primary: Span | None
) -> list[Line]:
    anchor = labels[0].span
    arrow = "-->" if first else ":::"
    place = f"{display_path(path)}:{anchor.line}:{anchor.column}"
    lines: list[Line] = [[(f"{' ' * width}{arrow} ", "gutter"), (place, "plain")]]
    source = {n: linecache.getline(path, n).rstrip("\n") for label in labels for n in _range(label.span)}
    if not any(source.values()):
        texts = [label for label in labels if label.text]
        lines += [[(f"{' ' * width} = ", "gutter"), (_without_source(label), "plain")] for label in texts]
        return lines
    annotations = [Annotation(label.span, label.text, label.span is primary) for label in labels]
    blank: Line = [(f"{' ' * width} |", "gutter")]
    return [*lines, blank, *snippet(source, annotations, width), blank]


def _range(span: Span) -> range:
    return range(span.line, max(span.end_line, span.line) + 1)


def _without_source(label: Label) -> str:
    return f"{label.span.line}:{label.span.column}: {label.text}"

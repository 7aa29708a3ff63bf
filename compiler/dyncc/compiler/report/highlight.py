"""Python source as HTML: keywords, texts, numbers and comments in colour."""

from __future__ import annotations

import io
import keyword
import token
import tokenize
from collections.abc import Sequence
from html import escape

from dyncc.compiler.report.facts import Line

_KINDS = {
    token.STRING: "s",
    token.NUMBER: "m",
    token.COMMENT: "c",
    **{
        getattr(token, name): "s"
        for name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
        if hasattr(token, name)
    },
}


def highlighted(lines: Sequence[Line]) -> list[str]:
    """The HTML of each line. What does not read as Python is left without colours from there on."""
    marks: dict[int, list[tuple[int, int, str]]] = {}
    text = "".join(f"{line.text}\n" for line in lines)
    try:
        for found in tokenize.generate_tokens(io.StringIO(text).readline):
            kind = _KINDS.get(found.type, "")
            if found.type == token.NAME and keyword.iskeyword(found.string):
                kind = "k"
            if kind:
                _mark(marks, found, kind)
    except (tokenize.TokenError, SyntaxError):
        pass  # lines that were left out may leave the rest unreadable
    return [_line(line.text, marks.get(number, [])) for number, line in enumerate(lines, 1)]


def _mark(marks: dict[int, list[tuple[int, int, str]]], found: tokenize.TokenInfo, kind: str) -> None:
    (first, start), (last, end) = found.start, found.end
    for number in range(first, last + 1):
        left = start if number == first else 0
        right = end if number == last else len(found.line) + 10_000
        marks.setdefault(number, []).append((left, right, kind))


def _line(text: str, marks: Sequence[tuple[int, int, str]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, kind in sorted(marks):
        start, end = max(start, at), min(end, len(text))
        if start < end:
            parts += [escape(text[at:start]), f'<b class="{kind}">{escape(text[start:end])}</b>']
            at = end
    return "".join([*parts, escape(text[at:])])

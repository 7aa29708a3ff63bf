"""Text with a line map: indentation, long lines, and comments that name the user's source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from itertools import pairwise

from dyncc.runtime.host.expressions import render
from dyncc.runtime.host.statements import Break, Continue, If, Line, Loop, Match, Stmt
from dyncc.runtime.places import file_name
from dyncc.runtime.program import Span
from dyncc.runtime.records import record

WIDTH = 100
COMMENT_COLUMN = 44
COMMENT_END = 108
_LEAST = 40
"""Columns that code and comments have, however deep they stand."""

Sources = Mapping[str, Mapping[int, str]]
"""Lines of the user's files: path → number → text."""


@record
class Emitter:
    """Collects lines. ``spans`` maps the number of a line to the place in the user's source."""

    sources: Sources
    lines: list[str] = field(default_factory=list[str])
    spans: dict[int, Span] = field(default_factory=dict[int, Span])
    last: tuple[str, int] | None = None
    """The source line that was named last."""

    def add(self, text: str = "", depth: int = 0, span: Span | None = None) -> None:
        """A line of code; with a comment if ``span`` is on another source line than the last one."""
        indent = "    " * depth
        parts = [
            f"{indent}{part}" if part else "" for part in wrapped(text, max(WIDTH - len(indent), _LEAST))
        ]
        comment = self._comment(span)
        if comment:
            code = parts[0].ljust(COMMENT_COLUMN - 2) + "  "
            room = COMMENT_END - len(code)
            if len(parts) == 1 and room >= min(len(comment), 40):
                parts[0] = code + shortened(comment, room)
            else:
                parts.insert(0, indent + shortened(comment, max(COMMENT_END - len(indent), _LEAST)))
        if span is not None:
            for number in range(len(self.lines), len(self.lines) + len(parts)):
                self.spans[number + 1] = span
        self.lines.extend(parts)

    def _comment(self, span: Span | None) -> str:
        if span is None or (span.path, span.line) == self.last:
            return ""
        self.last = (span.path, span.line)
        source = self.sources.get(span.path, {}).get(span.line, "").strip()
        text = f"# {file_name(span.path)}:{span.line}"
        if source:
            text += f"  {source}"
        return one_line(text)

    def body(self, body: Sequence[Stmt], depth: int) -> None:
        """Statements, indented by ``depth``."""
        if not body:
            self.add("pass", depth)
        for stmt in body:
            self.statement(stmt, depth)

    def statement(self, stmt: Stmt, depth: int) -> None:
        match stmt:
            case Line(text=text, span=span):
                self.add(text, depth, span)
            case If():
                self._if(stmt, depth)
            case Match(subject=subject, cases=cases, span=span):
                self.add(f"match {render(subject, str)}:", depth, span)
                for pattern, code in _grouped(cases):
                    self.add(f"case {pattern}:", depth + 1)
                    self.body(code, depth + 2)
            case Loop(body=inner, condition=condition, once=once, span=span):
                test = "True" if condition is None else render(condition, str)
                self.add(f"while {test}:" + ("  # once: left by break" if once else ""), depth, span)
                self.body(inner, depth + 1)
            case Break():
                self.add("break", depth)
            case Continue():
                self.add("continue", depth)

    def _if(self, stmt: If, depth: int) -> None:
        word, rest = "if", stmt
        while True:
            self.add(f"{word} {render(rest.condition, str)}:", depth, rest.span)
            self.body(rest.then, depth + 1)
            if len(rest.orelse) == 1 and isinstance(rest.orelse[0], If):
                word, rest = "elif", rest.orelse[0]
                continue
            if rest.orelse:
                self.add("else:", depth)
                self.body(rest.orelse, depth + 1)
            return

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines) + "\n"


def shortened(text: str, width: int) -> str:
    """``text``, cut to ``width``."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def one_line(text: str) -> str:
    """``text`` as it may stand in a comment: without what could end the line."""
    return "".join(char if char.isprintable() else " " for char in text)


def wrapped(text: str, width: int) -> list[str]:
    """``text``, a line of code, in lines of at most ``width`` where its brackets allow that."""
    if len(text) <= width:
        return [text]
    group = _outer_bracket(text)
    if group is None:
        return [text]
    start, end, commas = group
    head, tail = text[: start + 1], text[end:]
    inner = text[start + 1 : end]
    if len(inner) + 4 <= width and not commas:
        return [head, f"    {inner}", *wrapped(tail, width)]
    bounds = [start, *commas, end]
    items = [text[one + 1 : other].strip() for one, other in pairwise(bounds)]
    items = [item for item in items if item]
    out = [head]
    comma = "," if commas else ""  # (in brackets around one expression it would make a tuple of it)
    for item in items:
        parts = wrapped(item + comma, width - 4)
        out.extend(f"    {part}" for part in parts)
    return [*out, *wrapped(tail, width)]


_MARK = re.compile(
    r'''""".*?"""|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\#.*|[()\[\]{},]''',
)
"""A string, a comment, or what may stand between the parts of a line. (Python's own tokenizer takes as long
to import as a small host to generate.)"""


def _outer_bracket(text: str) -> tuple[int, int, list[int]] | None:
    """The widest bracket of the line that is in no other: its start, its end, the commas right inside."""
    best: tuple[int, int, list[int]] | None = None
    stack: list[tuple[int, list[int]]] = []
    for found in _MARK.finditer(text):
        mark, column = found[0], found.start()
        if mark in "([{":
            stack.append((column, []))
        elif mark in ")]}" and stack:
            start, commas = stack.pop()
            if not stack and column - start > 1 and (best is None or column - start > best[1] - best[0]):
                best = (start, column, commas)
        elif mark == "," and stack:
            stack[-1][1].append(column)
    return best


def _grouped(cases: Sequence[tuple[tuple[int, ...], list[Stmt]]]) -> list[tuple[str, list[Stmt]]]:
    """The cases as patterns, one for all numbers that lead to the same code."""
    found: list[tuple[list[int], list[Stmt]]] = []
    default: list[tuple[str, list[Stmt]]] = []
    for numbers, code in cases:
        same = next((others for others, other in found if other == code), None)
        if not numbers:
            default.append(("_", code))
        elif same is None:
            found.append((list(numbers), code))
        else:
            same.extend(numbers)
    return [(" | ".join(map(str, numbers)), code) for numbers, code in found] + default

"""The user's source in a report: which lines are shown, whose they are, what a place is called."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dyncc.compiler.report.facts import Line, SourceFile
from dyncc.runtime.manifest import Source
from dyncc.runtime.places import file_name, lines_text
from dyncc.runtime.program import Block, Program, Span

WHOLE = 400
"""A file of at most so many lines is shown whole; of a longer one the functions that blocks are from."""
_STATEMENTS = ("if", "elif", "while", "for", "assert", "return", "raise", "with", "match")


@dataclass(frozen=True)
class Sources:
    """Texts of files by path. Files with one name are told apart by the folder they are in."""

    texts: Mapping[str, list[str]]
    ends: Mapping[str, str]

    @staticmethod
    def of(sources: Iterable[Source], texts: Mapping[str, str]) -> Sources:
        """What was compiled: the text given, else the file as it was read, else the lines that are kept."""
        lines = {source.path: _lines(source, texts.get(source.path)) for source in sources}
        return Sources(lines, dict(zip(lines, _short_names(list(lines)), strict=True)))

    def name(self, path: str) -> str:
        return self.ends.get(path) or file_name(path)

    def place(self, spans: Iterable[Span]) -> str:
        """``model.py:38-41, 43`` for the first lines of ``spans``, files in the order of the sources."""
        ranks = {path: rank for rank, path in enumerate(self.texts)}
        ordered = sorted(spans, key=lambda span: ranks.get(span.path, len(ranks)))
        renamed = [Span(self.name(span.path), span.line, 1, span.line, 1) for span in ordered]
        return ", ".join(self._one_file(renamed))

    def _one_file(self, spans: list[Span]) -> Iterator[str]:
        for name in dict.fromkeys(span.path for span in spans):
            lines = lines_text(span for span in spans if span.path == name).rpartition(":")[2]
            yield f"{name}:{lines}"

    def text(self, span: Span | None) -> str:
        """The source of a place on one line, with the keyword of its statement: ``while n < 3``."""
        if span is None:
            return ""
        lines = self.texts.get(span.path, [])
        if not 1 <= span.line <= span.end_line <= len(lines):
            return ""
        first = lines[span.line - 1]
        head = first.strip()
        keyword = next((word for word in _STATEMENTS if head.startswith((word + " ", word + "("))), "")
        if keyword == "for":
            return head.removesuffix(":") if span.end_line == span.line else head.partition(":")[0]
        parts = lines[span.line - 1 : span.end_line]
        parts[-1] = parts[-1].encode()[: span.end_column - 1].decode(errors="replace")
        parts[0] = parts[0].encode()[span.column - 1 :].decode(errors="replace")
        text = " ".join(" ".join(parts).split())
        leads = keyword in ("if", "elif", "while", "assert") and not first[: span.column - 1].strip(
            f"{keyword} ("
        )
        return f"{keyword} {text}" if leads else text

    def shown(self, blocks: Mapping[str, int], program: Program[Any]) -> tuple[SourceFile, ...]:
        """The lines to show, each with the numbers of its blocks."""
        owners: dict[tuple[str, int], set[int]] = {}
        for name, block in program.blocks.items():
            for span in block_spans(block):
                owners.setdefault((span.path, span.line), set()).add(blocks[name])
        methods = [method.span for method in program.methods.values() if method.span is not None]
        named = {(span.path, span.line) for span in methods} | set(owners)
        return tuple(
            SourceFile(
                self.name(path),
                tuple(
                    Line(number, text[number - 1], tuple(sorted(owners.get((path, number), ()))))
                    for number in _window(text, {line for owner, line in named if owner == path})
                ),
            )
            for path, text in self.texts.items()
            if any(owner == path for owner, _ in named)
        )


def block_spans(block: Block) -> list[Span]:
    """The places that a block is from, in the order of the source."""
    steps = [step.span for step in block.steps]
    found = {span for span in (*block.spans, *steps, block.terminator.span) if span is not None}
    return sorted(found, key=lambda span: (span.path, span.line, span.column, span.end_line))


def _lines(source: Source, text: str | None) -> list[str]:
    lines = text.splitlines() if text is not None else []
    lines = lines or [line.rstrip("\n") for line in linecache.getlines(source.path)]
    if all(number <= len(lines) and lines[number - 1] == kept for number, kept in source.lines.items()):
        return lines
    last = max(source.lines, default=0)  # the file is another by now
    return [source.lines.get(number, "") for number in range(1, last + 1)]


def _short_names(paths: list[str]) -> list[str]:
    """The last parts of paths, as few as tell them apart."""
    parts = [path.replace("\\", "/").split("/") for path in paths]
    names: list[str] = []
    for path in parts:
        length = 1
        while length < len(path) and sum(other[-length:] == path[-length:] for other in parts) > 1:
            length += 1
        names.append("/".join(path[-length:]))
    return names


def _window(lines: list[str], wanted: set[int]) -> list[int]:
    """The numbers of the lines to show: all of a short file, else the functions around the wanted ones."""
    if len(lines) <= WHOLE:
        return list(range(1, len(lines) + 1))
    kept = {number for line in wanted for number in range(line, line + 1)}
    for start, end in _Functions(lines).ranges:
        if any(start <= line <= end for line in wanted):
            kept.update(range(start, end + 1))
    return sorted(number for number in kept if number <= len(lines))


@dataclass(frozen=True)
class _Functions:
    lines: list[str]

    @cached_property
    def ranges(self) -> list[tuple[int, int]]:
        """First and last line of every function, without those in others."""
        try:
            tree = ast.parse("\n".join(self.lines))
        except SyntaxError:
            return []
        found: list[tuple[int, int]] = []
        pending: list[ast.AST] = [tree]
        while pending:
            node = pending.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                found.append((node.lineno, node.end_lineno or node.lineno))
            else:
                pending += ast.iter_child_nodes(node)
        return sorted(found)

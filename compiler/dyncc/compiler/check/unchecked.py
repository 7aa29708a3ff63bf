"""Which edges of a program no compared call has taken, where they are in the source, and why."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable, Iterator
from typing import Any

from dyncc.compiler.check.deciding import Reads
from dyncc.compiler.check.report import Report
from dyncc.runtime.manifest import UncheckedEdge
from dyncc.runtime.places import lines_text
from dyncc.runtime.program import (
    Block,
    Branch,
    HostOp,
    Program,
    Ref,
    Span,
    Switch,
    successors,
)

STOPPED = "the time for checking was over"
UNREAD = "a size or an argument decides it, and those of the examples do not lead there"
LENGTH = "the length of a list decides it, and no call that was tried led to such a one"
INSIDE = "the tensor's value goes on inside a graph too, so the check cannot tell it another one"
ANSWERS = "none of the values that were tried for the tensors that decide it leads there"
BEYOND = "no compared call came to this place"


def unchecked_edges(
    program: Program[Any], report: Report, inside: frozenset[Span] = frozenset()
) -> tuple[UncheckedEdge, ...]:
    """The edges of ``report.uncovered``, those first whose decision was reached.

    ``inside`` are the reads that the check cannot script.
    """
    entered = {entry.block for method in program.methods.values() for entry in method.entries}
    for name, index in report.covered & report.edges:  # not the way into the program
        entered.add(successors(program.blocks[name].terminator)[index].block)
    reads = Reads(program)
    found: list[UncheckedEdge] = []
    for name, index in report.uncovered:
        block = program.blocks[name]
        reached = name in entered
        why = _why(block, reads.deciding(block), inside, report.stopped) if reached else BEYOND
        way = _way(program, block, index)
        found.append(UncheckedEdge(name, way, why, reached, block.terminator.span))
    return tuple(sorted(found, key=lambda edge: not edge.reached))


def _why(block: Block, deciding: Iterable[HostOp], inside: frozenset[Span], stopped: bool) -> str:
    places = {read.span for read in deciding}
    if _by_length(block):
        return STOPPED if stopped else LENGTH
    if not places:
        return UNREAD
    if places <= inside:
        return INSIDE
    return STOPPED if stopped else ANSWERS


def _by_length(block: Block) -> bool:
    """Whether what ``block`` decides by is made from the length of a list, whatever is in the list."""
    match block.terminator:
        case Branch(pred=operand) | Switch(index=operand):
            names = {operand.name} if isinstance(operand, Ref) else set[str]()
        case _:
            return False
    for step in reversed(block.steps):
        if isinstance(step, HostOp) and step.result.name in names:
            if step.op == "list_len":
                return True
            names |= {operand.name for operand in step.operands if isinstance(operand, Ref)}
    return False


def _way(program: Program[Any], block: Block, index: int) -> str:
    """An edge in words: what was decided, and the line that it leads to."""
    terminator = block.terminator
    target = program.blocks[successors(terminator)[index].block]
    line = next((_line(span, block.terminator.span) for span in _spans(target)), "")
    it = _part(terminator.span) or "it"
    match terminator:
        case Branch():
            decided = f"when {it} is true" if index == 0 else f"when {it} is false"
        case Switch(values=values):
            decided = (
                f"when {it} is {values[index]}" if index < len(values) else f"when {it} is anything else"
            )
        case _:
            decided = ""
    return ", ".join(part for part in (decided, line) if part)


def _part(span: Span | None) -> str:
    """The text of ``span`` where it is a part of a condition: negated, or joined with others."""
    if span is None or span.end_line != span.line:
        return ""
    line = linecache.getline(span.path, span.line)
    start, end = span.column - 1, span.end_column - 1
    before, text, after = line[:start], line[start:end], line[end:]
    partial = re.search(r"\b(not|and|or)[\s(]*$", before) or re.match(r"[\s)]*(and|or)\b", after)
    return f"`{text}`" if partial else ""


def _line(span: Span, origin: Span | None) -> str:
    """The line of ``span``, with its file where that is another than the one it is reached from."""
    if origin is not None and origin.path == span.path:
        return f"to line {span.line}"
    return f"to {lines_text([span])}"


def _spans(block: Block) -> Iterator[Span]:
    yield from block.spans[:1]
    if block.terminator.span is not None:
        yield block.terminator.span

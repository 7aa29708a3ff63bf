"""Where in the user's source a failure of the engine comes from.

The engine fails in an operator of a graph. The compiler names each operator by its place
(:func:`node_name`), which is looked up among the places of the block that ran; where the engine has fused
operators, or a graph serves blocks of several places, all those of the block are what is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from dyncc.runtime import program as p
from dyncc.runtime.errors import EngineError

_PLACE = re.compile(r"([^/]+):(\d+):(\d+)/")


def node_name(path: str, line: int, column: int, name: str) -> str:
    """The name of an operator that comes from this place: ``model.py:12:9/Gather_0``."""
    return f"{file_name(path)}:{line}:{column}/{name}"


def locate(error: EngineError, program: p.Program[Any], call: p.Span | None) -> None:
    """Give ``error``, which left the host where it runs the place ``call``, its places and say them."""
    spans = _places(error, program, call)
    if spans and not error.spans:
        error.spans = spans
        error.args = (f"{lines_text(spans)}: {error}",)


def _places(error: EngineError, program: p.Program[Any], call: p.Span | None) -> tuple[p.Span, ...]:
    running = [
        (block, step)
        for block in program.blocks.values()
        for step in block.steps
        if isinstance(step, p.Compute) and step.graph == error.graph
    ]
    here = [block for block, step in running if step.span == call] or [block for block, _ in running]
    spans = tuple(dict.fromkeys(span for block in here for span in block.spans)) or (
        (call,) if call else ()
    )
    found = _PLACE.search(error.node)
    if found is None:
        return spans
    file, line, column = found[1], int(found[2]), int(found[3])
    exact = [
        span for span in spans if (file_name(span.path), span.line, span.column) == (file, line, column)
    ]
    return (max(exact, key=lambda span: (span.end_line, span.end_column)),) if exact else spans


def lines_text(spans: Iterable[p.Span]) -> str:
    """The lines of ``spans``, short: ``model.py:12-14, 20``."""
    files: dict[str, set[int]] = {}
    for span in spans:
        files.setdefault(file_name(span.path), set()).add(span.line)
    return ", ".join(f"{file}:{_ranges(sorted(lines))}" for file, lines in files.items())


def _ranges(lines: list[int]) -> str:
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def file_name(path: str) -> str:
    """The last part of a path of any system: a bundle may come from another."""
    return re.split(r"[/\\]", path)[-1]

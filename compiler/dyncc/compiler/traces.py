"""Where an exception comes from: the entries of its traceback as places in the source."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from types import FrameType, TracebackType

from dyncc.runtime.program import Span


def frames(trace: TracebackType | None) -> Iterator[tuple[FrameType, TracebackType]]:
    """The entries of a traceback, outermost first."""
    while trace is not None:
        yield trace.tb_frame, trace
        trace = trace.tb_next


def frame_span(frame: FrameType, trace: TracebackType) -> Span:
    """The expression that a traceback entry stands at, or its whole line."""
    path, line = frame.f_code.co_filename, trace.tb_lineno
    position = next(
        (p for i, p in enumerate(frame.f_code.co_positions()) if i == trace.tb_lasti // 2),
        (None, None, None, None),
    )
    text = linecache.getline(path, line).rstrip("\n")
    start, end_line, column, end_column = position
    if start != line or end_line != line or column is None or end_column is None:
        indent = len(text) - len(text.lstrip())
        return Span(path, line, indent + 1, line, max(len(text), indent + 1) + 1)
    # co_positions counts UTF-8 bytes
    encoded = text.encode()
    first, last = len(encoded[:column].decode()), len(encoded[:end_column].decode())
    return Span(path, line, first + 1, line, last + 1)

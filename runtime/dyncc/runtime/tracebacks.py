"""Tracebacks that point at the user's file and line instead of the generated host's (as in Jinja)."""

from __future__ import annotations

import ast
import linecache
import os
import types
from collections.abc import Mapping

from dyncc.runtime.program import Span

LAST_LINE = 1_000_000


def point_at_source(
    traceback: types.TracebackType | None, filename: str, spans: Mapping[int, Span], error: BaseException
) -> types.TracebackType | None:
    """``traceback`` with each entry of the host ``filename`` replaced by one at the user's place.

    Entries of lines without a place stay. Nothing else about ``error`` changes.
    """
    entries: list[tuple[types.FrameType, int, int]] = []
    while traceback is not None:
        frame = traceback.tb_frame
        span = spans.get(traceback.tb_lineno) if frame.f_code.co_filename == filename else None
        fake = None if span is None else _entry_at(span, error)
        if fake is None:
            entries.append((frame, traceback.tb_lasti, traceback.tb_lineno))
        else:
            entries.append((fake.tb_frame, fake.tb_lasti, fake.tb_lineno))
        traceback = traceback.tb_next
    out: types.TracebackType | None = None
    for frame, lasti, line in reversed(entries):
        out = types.TracebackType(out, frame, lasti, line)
    return out


def _entry_at(span: Span, error: BaseException) -> types.TracebackType | None:
    """A traceback entry in the file, line and function of ``span``, which marks exactly its columns."""
    place = {
        "lineno": span.line,
        "col_offset": span.column - 1,
        "end_lineno": span.end_line,
        "end_col_offset": span.end_column - 1,
    }
    name = ast.Name("__error__", ast.Load(), **place)
    module = ast.Module([ast.Raise(name, None, **place)], [])
    function = span.function or "<module>"
    try:
        code = compile(module, span.path, "exec")
    except ValueError:  # a place that no file can have
        return None
    code = code.replace(co_name=function.rpartition(".")[2], co_qualname=function)
    context, cause, suppress = error.__context__, error.__cause__, error.__suppress_context__
    try:
        exec(code, {"__error__": error})
    except BaseException as raised:
        entry = raised.__traceback__.tb_next if raised.__traceback__ else None
    else:
        entry = None
    error.__context__, error.__cause__, error.__suppress_context__ = context, cause, suppress
    return entry


def show_lines(filename: str, lines: Mapping[int, str]) -> None:
    """Let tracebacks show these lines of a file that this machine does not have."""
    if not lines or max(lines) > LAST_LINE or os.path.exists(filename) or filename in linecache.cache:
        return
    text = [f"{lines.get(number, '')}\n" for number in range(1, max(lines) + 1)]
    linecache.cache[filename] = (sum(map(len, text)), None, text, filename)

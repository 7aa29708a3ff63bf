"""Reads of tensor values by Python code in eager PyTorch, logged and scripted.

A read turns a tensor's value into a Python number: ``bool(t)``, ``t.item()``, ``int(t)``, ``range(t)``,
``t.tolist()``, ``torch.equal(a, b)``, … The specializer makes one ``item`` of each, in program order
(none where the tensor's value is known when it compiles); :class:`EagerReads` finds the same ones by
replacing the methods of ``torch.Tensor`` while it is active, so that reads in library code written in
Python are found too, and reads inside an operator are not.
"""

from __future__ import annotations

import bisect
import dis
import functools
import linecache
import operator
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType
from typing import Any, TypeAlias

import torch

from dyncc.compiler.reference import Number
from dyncc.runtime.program import Span

_LIBRARY = os.path.dirname(torch.__file__)
_COMPILER = os.path.dirname(os.path.dirname(__file__))
_TESTS = ("POP_JUMP", "JUMP_IF", "TO_BOOL", "UNARY_NOT")
"""Instructions that read the truth of what the instruction before them left."""
_SILENT = ("NOP", "COPY", "SWAP", "EXTENDED_ARG", "CACHE", "NOT_TAKEN", "RESUME")
_DEPTH = 40
"""How many callers a place remembers."""
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "__bool__": bool,
    "__int__": int,
    "__float__": float,
    "__index__": operator.index,
    "__complex__": complex,
    "item": lambda number: number,
    "is_nonzero": bool,
}
_PREDICATES = ("equal", "allclose")
_FUNCTIONS = ("equal", "allclose", "is_nonzero")
"""Functions of the ``torch`` module that read."""


class ReadLimitExceeded(BaseException):
    """A call read more often than it was allowed to. Not an ``Exception``: the program may catch those."""


class Place:
    """Where a read happens: the expressions under evaluation, from the innermost call outwards."""

    def __init__(self, frame: FrameType | None) -> None:
        self._frames: list[tuple[CodeType, int]] = []
        while frame is not None and len(self._frames) < _DEPTH:
            self._frames.append((frame.f_code, frame.f_lasti))
            frame = frame.f_back

    def matches(self, span: Span) -> bool:
        """Whether one of the expressions is, contains or is contained in that of ``span``.

        A span in the compiler's own definition of a builtin (``any``, ``sorted``, …) matches every place.
        """
        if span.path.startswith(_COMPILER):
            return True
        start, end = (span.line, span.column), (span.end_line, span.end_column)
        for code, lasti in self._frames:
            if code.co_filename != span.path:
                continue
            first, last = _extent(code, lasti)
            if (start <= first and last <= end) or (first <= start and end <= last):
                return True
        return False

    @property
    def line(self) -> tuple[str, int]:
        """Path and line of the innermost expression outside the library."""
        code, lasti = next(
            (frame for frame in self._frames if not frame[0].co_filename.startswith(_LIBRARY)),
            self._frames[0],
        )
        return code.co_filename, _extent(code, lasti)[0][0]


Extent: TypeAlias = "tuple[tuple[int, int], tuple[int, int]]"
"""Start and end of an expression: lines, and columns from 1, the end exclusive."""


def _extent(code: CodeType, lasti: int) -> Extent:
    """The extent of the expression that the instruction at byte ``lasti`` evaluates."""
    offsets, extents = _extents(id(code), code)
    # A specialized call may leave ``lasti`` in its cache, which follows it.
    return extents[bisect.bisect_right(offsets, lasti) - 1]


@functools.lru_cache(maxsize=512)
def _extents(_: int, code: CodeType) -> tuple[list[int], list[Extent]]:
    """Offsets of instructions and their extents; equal code at another place has another identity.

    A conditional jump has the extent of what it tests, as CPython gives it that of the whole statement.
    """
    offsets, extents = [-1], list[Extent]([((code.co_firstlineno, 1), (code.co_firstlineno, 1))])
    tested = extents[0]
    lines = linecache.getlines(code.co_filename)
    for instruction in dis.get_instructions(code):
        positions = instruction.positions
        extent = tested
        if positions and positions.lineno and not instruction.opname.startswith(_TESTS):
            last = positions.end_lineno or positions.lineno
            start = (positions.lineno, _column(lines, positions.lineno, positions.col_offset or 0))
            end = (last, _column(lines, last, positions.end_col_offset or 0))
            extent = (start, end)
            if instruction.opname not in _SILENT:
                tested = extent
        offsets.append(instruction.offset)
        extents.append(extent)
    return offsets, extents


def _column(lines: list[str], line: int, offset: int) -> int:
    """CPython counts columns in bytes of UTF-8, from 0; spans in characters, from 1."""
    text = lines[line - 1] if line <= len(lines) else ""
    return offset + 1 if text.isascii() else len(text.encode()[:offset].decode(errors="ignore")) + 1


@dataclass(frozen=True, slots=True)
class Read:
    """``value`` is what the tensor held, ``used`` what the program was told."""

    value: Number
    used: Number
    place: Place

    @property
    def line(self) -> int:
        return self.place.line[1]


class EagerReads:
    """While active, every read is answered by ``answer(value, place)`` and logged.

    Where ``answer`` gives None, the read is not logged and has the tensor's value.

    Not reentrant, and for one thread: it replaces methods of ``torch.Tensor``.
    """

    def __init__(
        self, answer: Callable[[Number, Place], Number | None] | None = None, limit: int = sys.maxsize
    ) -> None:
        self.log: list[Read] = []
        self.ignored = 0
        self._answer = answer or (lambda value, _: value)
        self._limit = limit
        self._saved: dict[str, Any] = {}

    def read(self, value: Number) -> Number:
        """Log ``value`` and return what the program is to see."""
        if len(self.log) + self.ignored >= self._limit:
            raise ReadLimitExceeded
        place = Place(_caller())
        used = self._answer(value, place)
        if used is None:
            self.ignored += 1
            return value
        self.log.append(Read(value, used, place))
        return used

    def __enter__(self) -> EagerReads:
        for name in (*_CONVERSIONS, *_PREDICATES, "tolist"):
            setattr(torch.Tensor, name, self._replacement(name))
        for name in _FUNCTIONS:
            self._saved[name] = getattr(torch, name)
            setattr(torch, name, self._predicate(_undispatched(self._saved[name])))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, function in self._saved.items():
            setattr(torch, name, function)
        for name in (*_CONVERSIONS, *_PREDICATES, "tolist"):
            # The methods are inherited from the C base: removing ours shows them again.
            delattr(torch.Tensor, name)

    def _replacement(self, name: str) -> Callable[..., Any]:
        original = _undispatched(getattr(torch._C.TensorBase, name))
        item = _undispatched(torch._C.TensorBase.item)

        def convert(tensor: torch.Tensor) -> Any:
            if tensor.numel() != 1:
                return original(tensor)
            return _CONVERSIONS[name](self.read(item(tensor)))

        def to_list(tensor: torch.Tensor) -> Any:
            if tensor.dim() == 0:
                return self.read(item(tensor))
            return [to_list(part) for part in tensor.unbind(0)]

        if name == "tolist":
            return to_list
        return self._predicate(original) if name in _PREDICATES else convert

    def _predicate(self, original: Callable[..., bool]) -> Callable[..., Any]:
        return lambda *args, **kwargs: self.read(original(*args, **kwargs))


def _undispatched(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` past modes: they are given the method of ``torch.Tensor``, which would read again."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with torch._C.DisableTorchFunction():
            return function(*args, **kwargs)

    return call


def _caller() -> FrameType | None:
    """The innermost frame that is not of this module."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame

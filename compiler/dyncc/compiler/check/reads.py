"""Reads of tensor values by Python code in eager PyTorch, logged and scripted.

A read turns a tensor's value into a Python number: ``bool(t)``, ``t.item()``, ``int(t)``, ``range(t)``,
``t.tolist()``, ``torch.equal(a, b)``, … The specializer makes one ``item`` of each, in program order;
:class:`EagerReads` finds the same ones by replacing the methods of ``torch.Tensor`` while it is active,
so that reads in library code written in Python are found too, and reads inside an operator are not.
"""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch

from dyncc.compiler.reference import Number

_SKIPPED = (os.path.dirname(torch.__file__), os.path.dirname(__file__))
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


@dataclass(frozen=True, slots=True)
class Read:
    """``value`` is what the tensor held, ``used`` what the program was told."""

    value: Number
    used: Number
    path: str
    line: int


class EagerReads:
    """While active, every read is logged and answered by ``answer(position, value)``.

    Not reentrant, and for one thread: it replaces methods of ``torch.Tensor``.
    """

    def __init__(
        self, answer: Callable[[int, Number], Number] | None = None, limit: int = sys.maxsize
    ) -> None:
        self.log: list[Read] = []
        self._answer = answer or (lambda _, value: value)
        self._limit = limit
        self._saved: dict[str, Any] = {}

    def read(self, value: Number) -> Number:
        """Log ``value`` and return what the program is to see."""
        if len(self.log) >= self._limit:
            raise ReadLimitExceeded
        used = self._answer(len(self.log), value)
        path, line = _caller()
        self.log.append(Read(value, used, path, line))
        return used

    def __enter__(self) -> EagerReads:
        for name in (*_CONVERSIONS, *_PREDICATES, "tolist"):
            setattr(torch.Tensor, name, self._replacement(name))
        for name in _FUNCTIONS:
            self._saved[name] = getattr(torch, name)
            setattr(torch, name, self._predicate(self._saved[name]))
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
        original = getattr(torch._C.TensorBase, name)
        item = torch._C.TensorBase.item

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


def _caller() -> tuple[str, int]:
    """The place in the program that reads: the innermost frame that is neither torch's nor ours."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_SKIPPED):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno

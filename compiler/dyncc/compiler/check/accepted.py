"""Whether eager PyTorch accepts the example calls at all.

A network whose every example fails in an operator (a wrong dtype or shape, an index out of range) was
given the wrong examples: whatever becomes of it later is about something else, or a bundle of which nothing
was compared. What the program raises by itself, by a ``raise`` or ``assert`` or by an operation of Python
on a number that it read, is behaviour that the bundle has as well, and no reason to refuse anything.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from dyncc.compiler.calling import dtype_name
from dyncc.compiler.check.compare import outcome, raised_by_statement, raised_in_torch
from dyncc.compiler.check.isolation import Isolation
from dyncc.compiler.check.report import Example
from dyncc.compiler.code_origin import is_users
from dyncc.compiler.diagnostics import Diagnostic
from dyncc.compiler.request import Request
from dyncc.compiler.specialize import Method
from dyncc.compiler.traces import frame_span, frames
from dyncc.ir.printer import type_text
from dyncc.runtime.program import Span, TensorType

_MOST_INPUTS = 6


def rejections(request: Request) -> list[Diagnostic]:
    """An error (DY201) for each method of which every example call fails in an operator of PyTorch."""
    failed = _failures(request.originals, request.examples)
    found: list[Diagnostic] = []
    for method in request.methods if failed else ():
        own = [number for number, call in enumerate(request.examples) if call.method == method.name]
        if own and all(number in failed for number in own):
            found.append(_rejection(method, request.examples[own[0]], failed[own[0]], len(own)))
    return found


def _failures(
    originals: Mapping[str, Callable[..., Any]], examples: Sequence[Example]
) -> dict[int, Exception]:
    """What operators raise, by the number of the call: made alone, and after those before it (which may
    have made the state that it needs)."""
    isolation = Isolation(originals.values())
    failed: dict[int, Exception] = {}
    for number, call in enumerate(examples):
        error = _failure(originals[call.method], call)
        isolation.restore()
        if error is not None:
            failed[number] = error
    if failed and len(examples) > 1:
        for number, call in enumerate(examples):
            if _failure(originals[call.method], call) is None:
                failed.pop(number, None)
        isolation.restore()
    return failed


def _failure(function: Callable[..., Any], call: Example) -> Exception | None:
    """The exception of a call that an operator raised and the program did not handle."""
    args, kwargs = call.copied()
    with _Operators() as operators:
        error = outcome(function, args, kwargs).error
    if not isinstance(error, Exception) or raised_by_statement(error):
        return None
    return error if error is operators.raised or raised_in_torch(error) else None


class _Operators(TorchFunctionMode):
    """While active, notes what PyTorch's functions raise."""

    def __init__(self) -> None:
        super().__init__()
        self.raised: Exception | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        try:
            return func(*args, **(kwargs or {}))
        except Exception as error:
            self.raised = error
            raise


def _rejection(method: Method, call: Example, error: Exception, count: int) -> Diagnostic:
    message = str(error).strip()
    first = message.partition("\n")[0].strip()
    which = "the example call" if count == 1 else f"each of the {count} example calls"
    return Diagnostic(
        "DY201",
        f"{which} of `{call.method}` fails in PyTorch itself",
        _place(error),
        f"{type(error).__name__}: {first}" if first else type(error).__name__,
        notes=inputs_notes(method.signature(), call),
        helps=("give other inputs, by `--input` or `example_inputs()`: of other dtypes, shapes or values",),
    )


def _place(error: Exception) -> Span | None:
    """The deepest expression of the user's that the exception came through; else the deepest of all."""
    entries = list(frames(error.__traceback__))[1:]  # the first is the call that was made here
    own = [entry for entry in entries if is_users(entry[0].f_code.co_filename)]
    deepest = (own or entries)[-1:]
    return frame_span(*deepest[0]) if deepest else None


def inputs_notes(signature: inspect.Signature, call: Example) -> tuple[str, ...]:
    """``the inputs were `x`: i64[2, 4], `n`: 3``; nothing for a call without arguments."""
    bound = signature.bind(*call.args, **call.kwargs)
    texts = [
        f"`{name}`: {text}" for key, value in bound.arguments.items() for name, text in _texts(key, value)
    ]
    more = [f"{len(texts) - _MOST_INPUTS} more"] if len(texts) > _MOST_INPUTS else []
    return (f"the inputs were {', '.join(texts[:_MOST_INPUTS] + more)}",) if texts else ()


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """The leaves of an argument, each with its type or value."""
    if isinstance(value, torch.Tensor):
        yield name, type_text(TensorType(dtype_name(value.dtype), tuple(value.shape)))
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _texts(f"{name}[{key!r}]", part)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _texts(f"{name}[{index}]", part)
    elif value is None or isinstance(value, bool | int | float | str):
        yield name, repr(value)
    else:
        yield name, type(value).__name__

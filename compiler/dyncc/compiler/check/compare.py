"""Deep comparison of what eager PyTorch and a compiled program give.

Structure, types of containers (by name), dtypes and kinds of Python numbers must be the same; values
must agree within a tolerance that is given for every dtype, also where they are written in a text. NaN
equals NaN.
"""

from __future__ import annotations

import dataclasses
import math
import opcode
import os
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np
import torch

from dyncc.compiler.calling import dtype_name
from dyncc.compiler.specialize.values.tags import TENSOR_TEXT
from dyncc.runtime.texts import agree

_LIBRARY = os.path.dirname(torch.__file__)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Values agree when ``|actual - expected| <= absolute + relative * |expected|``."""

    absolute: float
    relative: float


Tolerances: TypeAlias = "Mapping[str, Tolerance]"
"""By dtype name; ``float`` is a Python float. A dtype that is missing is compared exactly."""

REFERENCE: Tolerances = {
    "float64": Tolerance(1e-10, 1e-9),
    "float32": Tolerance(1e-5, 1e-5),
    "float": Tolerance(1e-5, 1e-5),
    "float16": Tolerance(2e-3, 2e-3),
    "bfloat16": Tolerance(2e-2, 2e-2),
    "complex64": Tolerance(1e-5, 1e-5),
    "complex128": Tolerance(1e-10, 1e-9),
}
"""Torch against torch: the same operations, perhaps in another memory layout."""

END_TO_END: Tolerances = {
    **REFERENCE,
    "float64": Tolerance(1e-7, 1e-6),
    "float32": Tolerance(1e-4, 1e-3),
    "float": Tolerance(1e-4, 1e-3),
    "float16": Tolerance(1e-2, 1e-2),
    "bfloat16": Tolerance(5e-2, 5e-2),
    "complex64": Tolerance(1e-4, 1e-3),
}
"""Torch against an engine, over a whole program."""


@dataclass(frozen=True, slots=True)
class Precision:
    """What a program is compared by that computes in this precision. ``nudge`` is how far, relatively, a
    decision's value may be moved by rounding."""

    name: str
    tolerances: Tolerances
    nudge: float


def _as_if(dtype: str) -> Tolerances:
    """The tolerances where float32 results were computed in ``dtype``."""
    return {**END_TO_END, **dict.fromkeys(("float32", "float"), END_TO_END[dtype])}


PRECISIONS: Mapping[str, Precision] = {
    "float32": Precision("float32", END_TO_END, 1e-5),
    "float16": Precision("float16", _as_if("float16"), 1e-3),
    "bfloat16": Precision("bfloat16", _as_if("bfloat16"), 8e-3),
}
"""By what ``--precision`` asks for: float32 results that were computed in less are compared as if they were
of that dtype."""


@dataclass(frozen=True, slots=True)
class Difference:
    """``path`` is written as Python would: ``output['logits'][0]``."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


@dataclass(slots=True)
class Comparison:
    """What differs, and the largest absolute error of a value that has a tolerance."""

    tolerances: Tolerances
    differences: list[Difference] = field(default_factory=list[Difference])
    largest: float = 0.0

    def add(self, path: str, text: str) -> None:
        self.differences.append(Difference(path, text))


def compare(expected: Any, actual: Any, tolerances: Tolerances, path: str = "output") -> Comparison:
    """All differences between two results (tensors, arrays, numbers, containers of them)."""
    comparison = Comparison(tolerances)
    _compare(comparison, expected, actual, path)
    return comparison


def _is_message(compiled: str, eager: str) -> bool:
    """Whether two messages are one, but for the texts of tensors: a compiled program does not make them."""
    texts = map(re.escape, compiled.split(TENSOR_TEXT))
    return compiled == eager or re.fullmatch("(?s:.*)".join(texts), eager) is not None


def compare_errors(expected: BaseException, actual: BaseException) -> Comparison:
    """Differences of two exceptions: the name of the type; the message where a ``raise`` wrote it.

    The message of an operation that failed on its own is not the program's: only its type counts.
    """
    comparison = Comparison({})
    if type(expected).__name__ != type(actual).__name__:
        comparison.add("exception", f"expected {expected!r}, got {actual!r}")
    elif raised_by_statement(expected) and not _is_message(str(actual), str(expected)):
        comparison.add("exception", f"expected the message {str(expected)!r}, got {str(actual)!r}")
    return comparison


def raised_by_statement(error: BaseException) -> bool:
    """Whether a ``raise`` or ``assert`` of the user's code made ``error``, not an operation that failed."""
    innermost = _innermost(error)
    if innermost is None or raised_in_torch(error):
        return False
    code = innermost.tb_frame.f_code
    return opcode.opname[code.co_code[innermost.tb_lasti]] in ("RAISE_VARARGS", "RERAISE")


def raised_in_torch(error: BaseException) -> bool:
    """Whether ``error`` comes out of PyTorch's own Python code."""
    innermost = _innermost(error)
    return innermost is not None and innermost.tb_frame.f_code.co_filename.startswith(_LIBRARY)


def _innermost(error: BaseException) -> TracebackType | None:
    """The entry of the traceback at which ``error`` was raised."""
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    return innermost


# -------------------------------------------------------------------------------------- values


def _compare(c: Comparison, expected: Any, actual: Any, path: str) -> None:
    if _is_array(expected) or _is_array(actual):
        return _compare_arrays(c, expected, actual, path)
    if type(expected) is torch.Size and type(actual) is tuple:  # the runtime has no other
        return _compare_sequences(c, tuple(expected), actual, path)
    if type(expected).__name__ != type(actual).__name__:
        return c.add(path, f"expected {_describe(expected)}, got {_describe(actual)}")
    match expected:
        case str() | float():
            _compare_numbers(c, expected, actual, path)
        case Mapping():
            _compare_mappings(c, expected, actual, path)
        case tuple() if isinstance(fields := getattr(expected, "_fields", None), tuple):
            _compare_fields(c, expected, actual, path, fields)
        case list() | tuple():
            _compare_sequences(c, expected, actual, path)
        case Set():
            _compare_sets(c, expected, actual, path)
        case _ if dataclasses.is_dataclass(expected):
            _compare_fields(c, expected, actual, path, [f.name for f in dataclasses.fields(expected)])
        case _ if hasattr(expected, "__dict__"):
            _compare_mappings(c, vars(expected), vars(actual), path)
        case _:
            if expected != actual:
                c.add(path, f"expected {expected!r}, got {actual!r}")


def _is_array(value: Any) -> bool:
    return isinstance(value, (torch.Tensor, np.ndarray, np.generic))


def _describe(value: Any) -> str:
    if _is_array(value):
        return f"{_dtype(value)}{list(value.shape)}"
    return (
        f"{type(value).__name__} {value!r}"
        if isinstance(value, (int, float, str))
        else type(value).__name__
    )


def _dtype(value: Any) -> str:
    return dtype_name(value.dtype) if isinstance(value, torch.Tensor) else str(value.dtype)


def _numpy(value: Any) -> np.ndarray[Any, Any]:
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach().cpu().resolve_conj().resolve_neg()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()


def _compare_arrays(c: Comparison, expected: Any, actual: Any, path: str) -> None:
    if not (_is_array(expected) and _is_array(actual)) or _describe(expected) != _describe(actual):
        return c.add(path, f"expected {_describe(expected)}, got {_describe(actual)}")
    dtype, (left, right) = _dtype(expected), (_numpy(expected), _numpy(actual))
    tolerance = c.tolerances.get(dtype, Tolerance(0.0, 0.0))
    with np.errstate(all="ignore"):
        if left.dtype.kind in "fc":
            error = np.abs(right.astype("complex128") - left.astype("complex128"))
            # An infinite error would pass a tolerance relative to infinity.
            agree = np.isfinite(error) & (error <= tolerance.absolute + tolerance.relative * np.abs(left))
            agree |= (left == right) | (np.isnan(left) & np.isnan(right))
            finite = error[np.isfinite(error)]
            c.largest = max(c.largest, float(finite.max()) if finite.size else 0.0)
        else:
            agree = left == right
    if not agree.all():
        worst = _worst(left, right, agree)
        where = f"{path}[{', '.join(map(str, worst))}]" if worst else path
        count = int((~agree).sum())
        c.add(
            where, f"expected {left[worst]!s}, got {right[worst]!s} ({count} of {left.size} values differ)"
        )


def _worst(left: Any, right: Any, agree: Any) -> tuple[int, ...]:
    """The index of the disagreeing value that is furthest off."""
    if left.dtype.kind in "fc":
        with np.errstate(all="ignore"):
            error = np.nan_to_num(np.abs(right - left), nan=np.inf)
        error = np.where(agree, -1.0, error)
    else:
        error = ~agree
    return tuple(int(i) for i in np.unravel_index(int(error.argmax()), left.shape))


def _compare_numbers(c: Comparison, expected: str | float, actual: Any, path: str) -> None:
    if not isinstance(expected, str):
        return _compare_floats(c, expected, actual, path)
    tolerance = c.tolerances.get("float", Tolerance(0.0, 0.0))
    if not agree(expected, actual, tolerance.absolute, tolerance.relative):
        c.add(path, f"expected {expected!r}, got {actual!r}")


def _compare_floats(c: Comparison, expected: float, actual: float, path: str) -> None:
    if expected == actual or (math.isnan(expected) and math.isnan(actual)):
        return
    tolerance = c.tolerances.get("float", Tolerance(0.0, 0.0))
    error = abs(actual - expected)
    if math.isfinite(error):
        c.largest = max(c.largest, error)
        if error <= tolerance.absolute + tolerance.relative * abs(expected):
            return
    c.add(path, f"expected {expected!r}, got {actual!r}")


# ---------------------------------------------------------------------------------- containers


def _compare_sequences(c: Comparison, expected: Sequence[Any], actual: Sequence[Any], path: str) -> None:
    if len(expected) != len(actual):
        return c.add(path, f"expected {len(expected)} items, got {len(actual)}")
    for i, (left, right) in enumerate(zip(expected, actual, strict=True)):
        _compare(c, left, right, f"{path}[{i}]")


def _compare_mappings(
    c: Comparison, expected: Mapping[Any, Any], actual: Mapping[Any, Any], path: str
) -> None:
    if list(expected) != list(actual):
        return c.add(path, f"expected the keys {list(expected)}, got {list(actual)}")
    for key in expected:
        _compare(c, expected[key], actual[key], f"{path}[{key!r}]")


def _compare_fields(c: Comparison, expected: Any, actual: Any, path: str, names: Sequence[str]) -> None:
    for name in names:
        if not hasattr(actual, name):
            c.add(path, f"expected a field `{name}`")
        else:
            _compare(c, getattr(expected, name), getattr(actual, name), f"{path}.{name}")


def _compare_sets(c: Comparison, expected: Set[Any], actual: Set[Any], path: str) -> None:
    if any(_is_array(item) for item in (*expected, *actual)):
        # Tensors are hashed by identity: the order of such a set says nothing.
        if len(expected) != len(actual):
            c.add(path, f"expected {len(expected)} items, got {len(actual)}")
    elif expected != actual:
        c.add(path, f"expected {expected!r}, got {actual!r}")


# ------------------------------------------------------------------------------------ outcomes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: with ``value``, or with ``error``; ``arguments`` are its arguments thereafter."""

    value: Any = None
    error: BaseException | None = None
    arguments: Any = ()

    @property
    def failed(self) -> bool:
        """Whether an operation that failed ended it, and no ``raise`` or ``assert`` of the program."""
        return self.error is not None and not raised_by_statement(self.error)


def outcome(call: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Outcome:
    """Call and catch. Only :class:`Exception` is an outcome; what interrupts a process is passed on."""
    try:
        value = call(*args, **kwargs)
    except Exception as error:
        return Outcome(error=error, arguments=(tuple(args), dict(kwargs)))
    return Outcome(value=value, arguments=(tuple(args), dict(kwargs)))


def compare_outcomes(expected: Outcome, actual: Outcome, tolerances: Tolerances) -> Comparison:
    """Differences of two calls: of their results or exceptions, and of what they wrote to arguments.

    A compiled call that an operation ends, and that nobody catches, has written nothing, where eager keeps
    what it had written by then.
    """
    if expected.error is not None and actual.error is not None:
        comparison = compare_errors(expected.error, actual.error)
        comparison.tolerances = tolerances
    elif expected.error is not None or actual.error is not None:
        comparison = Comparison(tolerances)
        comparison.add("outcome", f"expected {_ending(expected)}, got {_ending(actual)}")
        return comparison
    else:
        comparison = compare(expected.value, actual.value, tolerances)
    if not expected.failed:
        _compare(comparison, expected.arguments, actual.arguments, "arguments")
    return comparison


def _ending(result: Outcome) -> str:
    return "a result" if result.error is None else f"{result.error!r}"

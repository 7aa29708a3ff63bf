"""Whether two contenders give the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

TOLERANCE: Mapping[str, tuple[float, float]] = {
    "float16": (1e-2, 1e-2),
    "float32": (1e-4, 1e-3),
    "float64": (1e-7, 1e-6),
}
"""Absolute and relative, as for the check of examples at the end of a compile; other dtypes are exact."""


def difference(actual: Sequence[Any], expected: Sequence[Any]) -> str:
    """How the leaves of two results differ; empty where they agree.

    A graph gives arrays for numbers, and may leave out what is no tensor: then arrays alone are compared.
    """
    if len(actual) != len(expected):
        actual, expected = _arrays(actual), _arrays(expected)
    if len(actual) != len(expected):
        return f"{len(actual)} results instead of {len(expected)}"
    for index, (one, other) in enumerate(zip(actual, expected, strict=True)):
        if text := _difference(one, other):
            return f"result {index}: {text}"
    return ""


def _arrays(leaves: Sequence[Any]) -> list[Any]:
    return [leaf for leaf in leaves if isinstance(leaf, np.ndarray)]


def _difference(actual: Any, expected: Any) -> str:
    if isinstance(actual, np.ndarray) and isinstance(expected, bool | int | float) and actual.size == 1:
        actual = actual.reshape(-1)[0].item()
    if not isinstance(expected, np.ndarray) or not isinstance(actual, np.ndarray):
        if isinstance(expected, float) and isinstance(actual, float):
            close = np.isclose(actual, expected, *TOLERANCE["float32"][::-1], equal_nan=True)
            return "" if close else f"{actual} instead of {expected}"
        return "" if _same(actual, expected) else f"{actual!r} instead of {expected!r}"
    if actual.shape != expected.shape:
        return f"the shape {list(actual.shape)} instead of {list(expected.shape)}"
    absolute, relative = TOLERANCE.get(expected.dtype.name, (0.0, 0.0))
    if expected.dtype.kind in "fc":
        close = np.isclose(actual, expected, relative, absolute, equal_nan=True)
    else:
        close = actual == expected
    return "" if close.all() else f"{int((~close).sum())} of {close.size} numbers differ"


def _same(actual: Any, expected: Any) -> bool:
    if isinstance(actual, np.ndarray) or isinstance(expected, np.ndarray):
        return False
    return type(actual) is type(expected) and actual == expected

"""The shortest way of a call: it is taken only where the long way would change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dyncc.runtime import program as p
from dyncc.runtime.tree import Binder


def method(*types: p.Type) -> p.Method:
    inputs = [p.Input(f"x{index}", of) for index, of in enumerate(types)]
    parameters = tuple(p.Parameter(item.name, "positional", item) for item in inputs)
    return p.Method("forward", parameters, (p.Entry("entry", tuple(item.name for item in inputs)),))


FIXED = p.TensorType("float32", (2, 3))
FREE = p.TensorType("int64", ("n", 3))
BASE = np.zeros((4, 6), np.float32)

GOOD: list[Any] = [np.zeros((2, 3), np.float32), np.zeros((7, 3), np.int64), np.zeros((0, 3), np.int64)]
BAD: list[Any] = [
    np.zeros((3, 2), np.float32),
    np.zeros((2, 3), np.float64),
    np.zeros((2, 3), ">f4"),
    np.zeros((3, 2), np.float32).T,
    BASE[:2, ::2],
    np.zeros((2, 3, 1), np.float32),
    np.zeros((7, 4), np.int64),
    np.zeros((2, 3), np.float32).view(type("Own", (np.ndarray,), {})),
    [[0.0] * 3] * 2,
    1.0,
    None,
]


@pytest.mark.parametrize("types", [(FIXED,), (FREE,), (FIXED, FREE), (FREE, FIXED)])
def test_takes_only_what_the_long_way_takes_unchanged(types: tuple[p.Type, ...]) -> None:
    binder = Binder(method(*types))
    assert binder.direct is not None
    for value in (*GOOD, *BAD):
        args = [value if of is types[-1] else (GOOD[0] if of is FIXED else GOOD[1]) for of in types]
        if binder.direct(args):
            bound = binder.bind(args, {})
            assert all(bound.values[f"x{index}"] is arg for index, arg in enumerate(args))
        else:
            assert any(arg is bad for arg in args for bad in BAD) or not _fits(value, types[-1])
    assert not binder.direct([])
    assert not binder.direct([GOOD[0]] * (len(types) + 1))


def _fits(value: Any, of: p.Type) -> bool:
    assert isinstance(of, p.TensorType)
    return value.dtype.name == of.dtype and all(
        isinstance(dim, str) or dim == size for dim, size in zip(of.shape, value.shape, strict=True)
    )


def test_is_not_taken_where_sizes_must_agree_or_arguments_are_written() -> None:
    same = p.TensorType("float32", ("n",))
    assert Binder(method(same, same)).direct is None
    assert Binder(method(p.TensorType("float32", ("n + 1",)))).direct is None
    assert Binder(method(FIXED), written=("x0",)).direct is None
    assert Binder(method(p.ScalarType("int"))).direct is None
    assert Binder(method()).direct is None
    assert Binder(method(p.TensorType("bfloat16", (2,)))).direct is None

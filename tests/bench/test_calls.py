"""Calls and results as they pass between processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dyncc.compiler.bench.agree import difference
from dyncc.compiler.bench.calls import (
    Call,
    Packed,
    for_numpy,
    for_torch,
    leaves,
    pack,
    read_calls,
    write_calls,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_tensors_come_back_as_they_were(dtype: torch.dtype, tmp_path: Path) -> None:
    tensor = torch.arange(6).reshape(2, 3).to(dtype)
    write_calls(tmp_path / "calls", [Call(pack((tensor, 3)), pack({"k": [tensor.T, None]}))])
    (call,) = read_calls(tmp_path / "calls")
    args, kwargs = for_torch(call.args), for_torch(dict(call.kwargs))
    assert args[0].dtype is dtype and torch.equal(args[0], tensor) and args[1] == 3
    assert torch.equal(kwargs["k"][0], tensor.T) and kwargs["k"][1] is None


def test_every_use_has_memory_of_its_own() -> None:
    packed = pack(torch.zeros(2))
    for_torch(packed)[0] = 1
    for_numpy(packed)[0] = 1
    assert packed.array.tolist() == [0, 0]


def test_bfloat16_needs_no_torch_to_be_read() -> None:
    packed = pack(torch.tensor([1.5, -2.0], dtype=torch.bfloat16))
    assert isinstance(packed, Packed) and packed.array.dtype == np.uint16
    assert for_numpy(packed).astype(np.float32).tolist() == [1.5, -2.0]
    assert leaves(torch.tensor([1.5], dtype=torch.bfloat16))[0].tolist() == [1.5]


def test_leaves_are_in_order() -> None:
    value = {"a": (torch.ones(1), 2), "b": [None, np.zeros(2)]}
    found = leaves(value)
    assert [type(leaf) for leaf in found] == [np.ndarray, int, type(None), np.ndarray]


ONE = np.ones(3, np.float32)


@pytest.mark.parametrize(
    ("actual", "expected", "word"),
    [
        ([ONE], [ONE + 1e-6], ""),
        ([ONE], [ONE + 0.1], "3 of 3 numbers"),
        ([ONE], [np.ones((3, 1), np.float32)], "shape"),
        ([np.array([1])], [np.array([2])], "1 of 1"),
        ([np.array(3)], [3], ""),
        ([np.array(4)], [3], "4 instead of 3"),
        ([ONE], [ONE, 3, None], ""),
        ([ONE, ONE, ONE], [ONE, 3], "3 results instead of 1"),
        ([ONE, ONE], [ONE, 3], "instead of 3"),
        ([ONE, 3], [ONE, "3"], "instead of '3'"),
        ([ONE * np.nan], [ONE * np.nan], ""),
        ([2.0], [2.0001], ""),
        ([2.0], [2.1], "2.0 instead of 2.1"),
    ],
)
def test_difference(actual: Any, expected: Any, word: str) -> None:
    found = difference(actual, expected)
    assert word in found and bool(word) == bool(found)

"""Rules of sizes do not ask for what data decide, and give sizes that are expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch._subclasses import FakeTensorMode, fake_impls
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from dyncc.compiler.lower.capture import sizes_from_zero
from dyncc.compiler.size_rules import size_rules


@pytest.fixture
def size() -> Iterator[Any]:
    """A size that data decide, while tensors are fake."""
    env = ShapeEnv(allow_dynamic_output_shape_ops=True)
    with sizes_from_zero(), size_rules(), FakeTensorMode(shape_env=env):
        number = env.create_unbacked_symint()
        torch._check(number >= 0)
        yield number


BOUNDS = (None, 0, 1, 4, 9, -1, -3)


@pytest.mark.parametrize("step", [1, 2])
def test_the_size_of_a_slice(size: Any, step: int) -> None:
    (symbol,) = size.node.expr.free_symbols
    for start, end in product(BOUNDS, BOUNDS):
        sliced = torch.empty(size)[start:end:step].shape[0]
        for number in (0, 1, 2, 3, 5, 11):
            found = sliced if isinstance(sliced, int) else sliced.node.expr.subs(symbol, number)
            assert int(found) == len(range(number)[start:end:step]), (start, end, number)


@pytest.mark.parametrize("cut", [slice(1, None), slice(None, -1), slice(-3, None)])
def test_the_size_of_what_is_cut_again_and_again_stays_small(size: Any, cut: slice) -> None:
    (symbol,) = size.node.expr.free_symbols
    given = torch.empty(size)
    for _ in range(6):
        given = given[cut]
    (left,) = given.shape
    assert len(str(left)) < 60
    for number in (0, 1, 3, 6, 7, 20):
        rest = list(range(number))
        for _ in range(6):
            rest = rest[cut]
        assert int(left.node.expr.subs(symbol, number)) == len(rest)


def _windows(size: Any) -> torch.Tensor:
    x = torch.empty(1, 3, size + 8, size + 8)
    return F.conv2d(F.avg_pool2d(F.max_pool2d(x, 2), 2), torch.empty(4, 3, 1, 1))


def _windows_3d(size: Any) -> torch.Tensor:
    x = torch.empty(1, 3, size + 8, size + 8, size + 8)
    return F.avg_pool3d(F.max_pool3d(x, 2), 2)


def _windows_1d(size: Any) -> torch.Tensor:
    return F.conv1d(torch.empty(1, 3, size + 8), torch.empty(4, 3, 2), stride=2)


def _copied(size: Any) -> torch.Tensor:
    x = torch.empty(4)
    x[: 1 + size % 3] = torch.empty(1 + size % 3)
    x[: 1 + size % 3].copy_(torch.empty(()))
    return x


@pytest.mark.parametrize("function", [_windows, _windows_1d, _windows_3d, _copied])
def test_nothing_is_asked_of_a_size(size: Any, function: Callable[[Any], torch.Tensor]) -> None:
    (symbol,) = size.node.expr.free_symbols
    recorded = function(size).shape
    for number in (0, 3, 6, 13):
        shape = [n if isinstance(n, int) else int(n.node.expr.subs(symbol, number)) for n in recorded]
        assert shape == list(function(number).shape)


def test_what_does_not_fit_is_refused_all_the_same(size: Any) -> None:
    with pytest.raises(RuntimeError, match="should be"):
        F.max_pool2d(torch.empty(1, 3, size + 8, size + 8), 2, padding=2)


def test_pytorch_is_left_as_it_was() -> None:
    before = dict(fake_impls.op_implementations_dict)
    with size_rules():
        pass
    assert fake_impls.op_implementations_dict == before

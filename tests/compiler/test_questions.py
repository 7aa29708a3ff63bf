"""Questions about sizes, and whose code asks them."""

from __future__ import annotations

from pathlib import Path

import sympy
import torch

import dyncc.ir.instructions
import dyncc.passes
import dyncc.runtime
from dyncc.compiler import compile
from dyncc.compiler.code_origin import is_own, is_users
from dyncc.compiler.specialize import specialize
from dyncc.compiler.specialize.prelude import keys
from dyncc.compiler.specialize.recording.questions import Question


def test_a_size_of_data_can_be_zero() -> None:
    size = sympy.Symbol("s", positive=True, integer=True)  # as PyTorch makes them
    other = sympy.Symbol("t", positive=True, integer=True)
    assert Question(size, sympy.Integer(0)).answered({}) is None
    assert Question(size, sympy.Integer(0)).answered({size: 0}) is True
    assert Question(size, sympy.Integer(0)).answered({size: 3}) is False
    assert Question(size, other).answered({other: 0}) is None
    assert Question(size, other + 1).answered({size: 3, other: 2}) is True


def test_whether_a_size_is_zero_is_asked_once() -> None:
    def chosen(x: torch.Tensor) -> torch.Tensor:
        rows = x.repeat(2, 1).t()
        kept = torch.where(rows[:, 0] > 0)[0]
        first = int(x.argmax())
        out = torch.zeros_like(rows).index_add_(0, kept, rows[kept.tolist()] * 2)
        return out[[first, 0]] + x[[i for i in range(len(x)) if x[i] > 0.5]].sum()

    assert len(specialize(chosen, (torch.randn(4),)).program.blocks) < 40


def test_code_of_every_folder_of_the_package_is_its_own() -> None:
    for module in (dyncc.ir.instructions, dyncc.passes, dyncc.runtime, keys):
        assert module.__file__ is not None
        assert is_own(module.__file__) and not is_users(module.__file__)
    assert is_users(__file__) and not is_own(__file__)


BUFFER = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))


def rotated(x: torch.Tensor, n: int) -> torch.Tensor:
    """The part of a buffer that is as long as what it is multiplied with, which the program asserts."""
    for _ in range(n):
        last = x if x.size(1) <= 8 else x[:, -8:]
        y = last[:, :, None].expand(-1, -1, 4)
        part = BUFFER[: last.size(1)]
        assert part.shape == (y.shape[1], 4)
        z = (y * part.view(1, y.shape[1], 4)).sum(-1)
        x = torch.cat((x, z[:, -1:]), 1)
    return x


def test_what_a_program_asserts_of_sizes_is_known_after_it(tmp_path: Path) -> None:
    net = compile(rotated, (torch.randn(1, 4), 3), output=tmp_path / "net.dyncc")
    for n in (0, 1, 4, 6, 9):
        x = torch.randn(1, 4, generator=torch.Generator().manual_seed(n))
        torch.testing.assert_close(net(x, n), rotated(x, n))


def test_sizes_that_are_not_equal_stay_apart(tmp_path: Path) -> None:
    def function(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        one, other = x[x > 0], y[y > 0]
        if one.shape[0] != other.shape[0]:
            return torch.cat([one, other])
        return one * other

    net = compile(function, (torch.randn(4), torch.randn(4)), output=tmp_path / "net.dyncc")
    random = torch.Generator().manual_seed(0)
    for _ in range(20):
        x, y = torch.randn(4, generator=random), torch.randn(4, generator=random)
        torch.testing.assert_close(net(x, y), function(x, y))

"""Questions about sizes, and whose code asks them."""

from __future__ import annotations

import sympy
import torch

import dyncc.ir.instructions
import dyncc.passes
import dyncc.runtime
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

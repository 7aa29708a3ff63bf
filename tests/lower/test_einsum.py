"""Einsum written out as products of matrices, where a size is free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dyncc.compiler import compile
from dyncc.compiler.lower.decompose.einsum import written_out

SIZES = {"a": 2, "b": 3, "c": 4, "d": 5, "e": 1}
EQUATIONS = [
    "ab,bc->ac",
    "ab,cb->ca",
    "bac,bad->bcd",
    "bacd,badc->b",
    "ab,ab->ab",
    "ab,ab->",
    "a,b->ab",
    "ab->ba",
    "ab->b",
    "aa->a",
    "aa->",
    "aab,bc->ac",
    "abc,cd,bd->a",
    "abc,bcd",
    "ba,ca",
    "...ab,...bc->...ac",
    "...a,a->...",
    "a...b,b->a...",
    "aeb,acb->aec",
    "abc,abd->abcd",
    "ab,c->abc",
    " ab , bc -> ac ",
]


@pytest.mark.parametrize("equation", EQUATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int32])
def test_is_einsum(equation: str, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)

    def tensor(labels: str) -> torch.Tensor:
        shape = [SIZES[label] for label in labels.strip().replace("...", "cd")]
        return torch.randint(-3, 4, shape, generator=generator).to(dtype)

    tensors = [tensor(labels) for labels in equation.partition("->")[0].split(",")]
    expected = torch.einsum(equation, tensors)
    found = written_out(equation, tensors)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    torch.testing.assert_close(found, expected)


def test_axes_of_one_are_as_long_as_others() -> None:
    one, other = torch.rand(3, 1), torch.rand(4, 2)
    torch.testing.assert_close(
        written_out("ab,bc->ac", [one, other]), torch.einsum("ab,bc->ac", one, other)
    )
    torch.testing.assert_close(
        written_out("ab,bc->ab", [one, other]), torch.einsum("ab,bc->ab", one, other)
    )
    a, b = torch.rand(2, 1, 3), torch.rand(1, 4, 3)
    torch.testing.assert_close(written_out("...a,...a->...", [a, b]), torch.einsum("...a,...a->...", a, b))


class Kept(nn.Module):
    """Relations of rows that pass a mask: of none there are none."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weight = nn.Parameter(torch.rand(4, 3, 5))

    def forward(self, x: torch.Tensor) -> Any:
        kept = x[x[:, 0, 0] > 0]
        return (
            torch.einsum("bij,bkj->bik", kept, kept),
            torch.einsum("bij,ijk->bk", kept, self.weight),
            torch.einsum("bij,cij->bc", kept, kept),
            torch.einsum("...j,j->...", kept, self.weight[0, :, 0]),
        )


def test_of_no_rows(tmp_path: Path) -> None:
    model = Kept().eval().requires_grad_(False)
    net = compile(model, (torch.rand(5, 4, 3),), output=tmp_path / "net.dyncc")
    for rows in range(6):
        x = torch.rand(5, 4, 3) * torch.where(torch.arange(5) < rows, 1.0, -1.0).view(5, 1, 1)
        for expected, actual in zip(model(x), net(x), strict=True):
            assert expected.shape == actual.shape
            torch.testing.assert_close(actual, expected)

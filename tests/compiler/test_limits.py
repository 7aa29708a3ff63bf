"""Programs that cannot be unrolled: it is told what goes on without end."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn

from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.specialize import attempts, specialize


class Tree(nn.Module):
    """A tree that is given as a table, walked by a function that calls itself twice."""

    def __init__(self) -> None:
        super().__init__()
        self.join = nn.Linear(8, 4)

    def build(self, h: torch.Tensor, children: torch.Tensor, node: int) -> torch.Tensor:
        left, right = children[node].tolist()
        if left < 0:
            return h[node]
        both = self.build(h, children, left), self.build(h, children, right)
        return torch.tanh(self.join(torch.cat(both)))

    def forward(self, h: torch.Tensor, children: torch.Tensor) -> torch.Tensor:
        return self.build(h, children, 0)


def test_a_recursion_by_data_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "Limits", functools.partial(attempts.Limits, blocks=300))
    children = torch.tensor([[1, 2], [-1, -1], [-1, -1]])
    with pytest.raises(CompileError) as refused:
        specialize(Tree().eval(), (torch.randn(3, 4), children))
    (found,) = refused.value.diagnostics
    assert found.code == "DY105"
    assert "`build` calls itself" in found.message
    assert found.span is not None and found.span.function.endswith("build")

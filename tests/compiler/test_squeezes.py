"""``squeeze`` of a size that is known only when the network runs: whether it is one decides on the rank."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dyncc.compiler import compile
from dyncc.compiler.diagnostics import CompileError


def doubled_where_one(x: torch.Tensor) -> torch.Tensor:
    kept = x[x > 0].squeeze()
    return kept * 2 if kept.dim() == 0 else kept


def with_a_batch_again(x: torch.Tensor) -> list[float]:
    kept = x[x > 0].squeeze()
    if kept.dim() == 0:
        kept = kept.unsqueeze(0)
    return kept.tolist()


def twice(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
    rows = x.view(2, 2)[x[:2] > 0]
    return rows.squeeze(0), rows.squeeze(0) + 1, rows.squeeze(0).dim()


def of_two_columns(x: torch.Tensor) -> torch.Tensor:
    pairs = torch.stack([x, -x], 1)[x > 0]
    return torch.stack([pairs[:, 0].squeeze(), pairs[:, 1].squeeze()])


def after_another_call(x: torch.Tensor) -> torch.Tensor:
    kept = x[x > 0]
    first = kept.squeeze()
    return torch.cat([kept.exp().squeeze().reshape(-1), first.reshape(-1)]).sum() + kept.sin().squeeze()


FUNCTIONS: dict[str, Callable[[torch.Tensor], Any]] = {
    "rank": doubled_where_one,
    "unsqueezed": with_a_batch_again,
    "rows": lambda x: x.view(2, 2)[x[:2] > 0].squeeze(0),
    "last": lambda x: x[x > 0].flatten().squeeze(-1),
    "several": lambda x: x[x > 0][None, :, None].squeeze((0, 1)),
    "nonzero": lambda x: (x > 0).nonzero().squeeze().sum(-1),
    "where": lambda x: (torch.where(x > 0)[0].squeeze().ndim, len(torch.where(x > 0)[0].squeeze().shape)),
    "twice": twice,
    "columns": of_two_columns,
    "after": after_another_call,
    "slice": lambda x: x[: int((x > 0).sum())].squeeze(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_element_gives_what_it_gives_in_eager(name: str, tmp_path: Path) -> None:
    net = compile(FUNCTIONS[name], (torch.tensor([2.0, 1, -1, -1]),), output=tmp_path / "net.dyncc")
    for positive in range(5):
        x = torch.where(torch.arange(4) < positive, 1.0, -1.0) * torch.tensor([1.0, 2, 3, 4])
        expected, got = FUNCTIONS[name](x), net(x)
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_batch_of_one(size: int, tmp_path: Path) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 4)

        def forward(self, x: torch.Tensor) -> Any:
            y = self.fc(x).squeeze()
            return y.argmax(0), y.softmax(0)

    model = Net().eval().requires_grad_(False)
    sizes = ({0: torch.export.Dim("b")},)
    net = compile(model, (torch.randn(3, 3),), dynamic_shapes=sizes, output=tmp_path / "net.dyncc")
    x = torch.randn(size, 3)
    torch.testing.assert_close(net(x), model(x))


def test_in_place_it_is_refused(tmp_path: Path) -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        kept = x[x > 0]
        kept.squeeze_()
        return kept

    with pytest.raises(CompileError) as caught:
        compile(function, (torch.tensor([2.0, 1, -1, -1]),), output=tmp_path / "net.dyncc")
    assert [each.code for each in caught.value.diagnostics] == ["DY131"]

"""Slices of lists of known length whose bounds are known only at run time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from dyncc.compiler import compile


def sliced(x: torch.Tensor, n: torch.Tensor) -> Any:
    ids, first = x.tolist(), int(x.max())
    rows = [x[i].float() * 2 for i in range(4)]
    total = 0.0
    for row in rows[: n.sum(0) - 1][::-1]:  # by a tensor of no dimensions
        total = total + row.item()
    pairs = [(i, float(v)) for i, v in enumerate(ids)]
    late = pairs[first:]
    added = sum(value for _, value in late)
    return ids[first:], ids[:-first], ids[first::2], total, added, len(late), rows[first : first + 2]


def test_they_are_those_of_eager(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    arguments = (torch.tensor([1, 2, 0, 0]), torch.ones(3, dtype=torch.long))
    net = compile(sliced, arguments, output=tmp_path / "net.dyncc")
    for _ in range(25):
        x = torch.randint(-1, 6, (4,), generator=random)
        n = torch.randint(0, 3, (3,), generator=random)
        assert str(net(x, n)) == str(sliced(x, n))


class Pending(nn.Module):
    """The part of a list that is new, by a count that calls keep."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def forward(self, x: torch.Tensor) -> Any:
        ids = x.tolist()
        new = ids[self.seen :]
        self.seen = int((x > 0).sum())
        return [number * 2 for number in new]


def test_a_bound_is_state(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    model = Pending().eval()
    net = compile(model, (torch.rand(5),), output=tmp_path / "net.dyncc")
    for _ in range(20):
        x = torch.randn(5, generator=random)
        assert net(x) == model(x)

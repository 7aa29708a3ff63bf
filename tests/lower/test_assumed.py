"""What a decomposition asks of the example sizes is not taken for the answer at others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from dyncc.compiler import compile


class Cut(nn.Module):
    """A table that is cut to the length of what may be shorter; ``data``: where sizes from data are."""

    def __init__(self, data: str) -> None:
        super().__init__()
        self.register_buffer("table", torch.linspace(-0.5, 0.6, 4))
        self.data = data

    def forward(self, u: Any, h: Any) -> Any:
        s = u * 0.5
        kept = u[u > 0] if self.data == "elsewhere" else u
        if h.sum() > 0:
            if self.data == "in the block":
                kept = u[u > 0]
            u = u[:4] + self.table[: u.shape[0]]
        return u, torch.tanh((s.unsqueeze(1) * h).mean(0)), kept * 2


@pytest.mark.parametrize("data", ["", "elsewhere", "in the block"])
def test_a_table_is_cut_to_the_length(data: str, tmp_path: Path) -> None:
    model = Cut(data).eval()
    shapes = {"u": {0: Dim("n", min=1, max=16)}, "h": None}
    net = compile(model, (torch.ones(5), torch.ones(4)), dynamic_shapes=shapes, output=tmp_path / "n.dyncc")
    for count in (1, 2, 3, 4, 5, 9):
        given = torch.rand(count) - 0.3, torch.ones(4)
        for have, want in zip(net(*given), model(*given), strict=True):
            torch.testing.assert_close(have, want)

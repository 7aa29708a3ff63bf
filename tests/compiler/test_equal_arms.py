"""Both sides of a decision end in the same code: one block, which stands at two places of the source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from dyncc.compiler import compile


def cascade(x: torch.Tensor) -> Any:
    p = x.softmax(0)
    if p.max() >= 0.5:
        return p.argmax().item(), p
    return p.argmax().item(), p


def abstaining(x: torch.Tensor) -> Any:
    p = x.softmax(0)
    if p.max() > 0.7:
        return int(p.argmax()), p.max().item()
    if p.max() < 0.3:
        return None
    return p.argmax().item(), p.max().item()


def test_the_checks_take_a_read_for_that_of_either_place(tmp_path: Path) -> None:
    for function in (cascade, abstaining):
        net = compile(function, (torch.ones(4),), output=tmp_path / function.__name__)
        for seed in range(10):
            x = torch.randn(4, generator=torch.Generator().manual_seed(seed)) * 2
            torch.testing.assert_close(net(x), function(x))

"""Programs that are functions: a module around one, and small inputs that take its different paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

FIRST = torch.tensor([1.0, 3.0, 2.0, 0.5])


class Net(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


def inputs() -> list[torch.Tensor]:
    """Float32 ``[4]`` with values from 0 to 2 in halves, so that ties occur."""
    generator = torch.Generator().manual_seed(1)
    return [FIRST, *(torch.randint(0, 5, (4,), generator=generator) / 2 for _ in range(24))]

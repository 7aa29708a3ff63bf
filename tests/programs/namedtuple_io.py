"""NamedTuples in and out, and `_replace` on one path."""

from typing import NamedTuple

import torch
from torch import nn


class LSTMState(NamedTuple):
    h: torch.Tensor
    c: torch.Tensor


class Step(NamedTuple):
    output: torch.Tensor
    state: LSTMState
    halted: bool = False


class Cell(nn.Module):
    def __init__(self, dim=3, hidden=4):
        super().__init__()
        self.cell = nn.LSTMCell(dim, hidden)

    def forward(self, x, state: LSTMState) -> Step:
        h, c = self.cell(x, state)
        state = LSTMState(h, c)
        if state.c.abs().max() > 1:
            state = state._replace(c=torch.tanh(state.c))
        step = Step(h * 2, state)
        if h.norm() < 0.3:
            return step._replace(halted=True)
        return step


def get_model():
    torch.manual_seed(0)
    return Cell().eval()


def example_inputs():
    return torch.ones(1, 3), LSTMState(torch.zeros(1, 4), torch.zeros(1, 4))


def more_inputs():
    g = torch.Generator().manual_seed(0)

    def r(n, s):
        return torch.randn(1, n, generator=g) * s

    return [(r(3, s), LSTMState(h=r(4, s), c=r(4, s))) for s in (0.1, 0.3, 1.0, 2.0, 3.0)]

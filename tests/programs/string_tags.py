"""A string tag and an enum that gates change; later code looks at them."""

import enum

import torch
from torch import nn


class Phase(enum.Enum):
    WARM = 0
    HOT = 1
    DONE = 2


class Tagged(nn.Module):
    def __init__(self, dim=5, depth=6):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(dim, dim) for _ in range(depth)])

    def forward(self, x):
        mode = "start"
        phase = Phase.WARM
        history = []
        for layer in self.layers:
            y = layer(x)
            if y.sum() > 0.5:
                mode = "plus"
            elif y.sum() < -0.5:
                mode = "minus"
            if mode == "plus":
                x = x + torch.relu(y)
            elif mode.startswith("min"):
                x = x - 0.5 * y
                if phase is Phase.WARM:
                    phase = Phase.HOT
            else:
                x = y
            if phase == Phase.HOT and x.norm() > 2.5:
                phase = Phase.DONE
            history.append(mode)
            if phase in (Phase.DONE,):
                break
        return x, mode, phase.value, history


def get_model():
    torch.manual_seed(1)
    return Tagged().eval()


def example_inputs():
    return (torch.ones(1, 5),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 5, generator=g) * 1.5,) for _ in range(12)]

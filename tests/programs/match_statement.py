"""`match` on a number that a tensor decides and on the structure of a result."""

import torch
from torch import nn


class Dispatcher(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.kind = nn.Linear(dim, 5)
        self.a = nn.Linear(dim, dim)
        self.b = nn.Linear(dim, dim)

    def analyse(self, x):
        kind = int(self.kind(x).argmax())
        match kind:
            case 0:
                return "scale", 2.0
            case 1 | 2:
                return "layer", self.a
            case n if n == 3 and x.sum() > 0:
                return "layer", self.b
            case _:
                return None

    def forward(self, x):
        match self.analyse(x):
            case ("scale", factor):
                return x * factor
            case ("layer", layer):
                return layer(x)
            case None:
                return -x


def get_model():
    torch.manual_seed(1)
    return Dispatcher().eval()


def example_inputs():
    return (torch.ones(1, 4),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 4, generator=g) * 2,) for _ in range(14)]

"""The entry is not `forward`: a bound method of a module that shares code with `forward`."""

import torch
from torch import nn


class Adaptive(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.small = nn.Linear(dim, 2)
        self.large = nn.Sequential(nn.Linear(dim, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        return self.large(x)

    def adaptive_forward(self, x, margin=0.3):
        y = self.small(x)
        top = y.topk(2).values
        if (top[0] - top[1]) > margin:
            return y, "small"
        return self(x), "large"


def get_model():
    torch.manual_seed(0)
    return Adaptive().eval().adaptive_forward


def example_inputs():
    return (torch.ones(4),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(4, generator=g),) for _ in range(8)]

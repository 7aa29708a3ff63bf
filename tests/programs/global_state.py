"""Module-level constants and tensors, dtype mixes, weak promotion of Python numbers."""

import torch
from torch import nn

DEFAULTS = {"alpha": 0.5, "beta": 2}
TABLE = torch.tensor([1, 10, 100])


def schedule(step):
    return DEFAULTS["alpha"] ** step * DEFAULTS["beta"]


class Promote(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("grid", torch.arange(3))

    def forward(self, x, n):
        k = int(n)
        scale = schedule(k)
        y = self.grid * scale
        z = self.grid * k
        if k > 1:
            y = y + x.double()
            z = z / 2
        elif x.sum() > 0:
            y = y.to(torch.float64) * x.half().float().sum()
            z = z + True
        w = TABLE[k % 3] + k
        return y, z, w, k * 0.5, scale > 0.6


def get_model():
    return Promote().eval()


def example_inputs():
    return torch.tensor([0.5, -0.25, 1.0]), torch.tensor(1)


def more_inputs():
    x = torch.tensor([0.5, -0.25, 1.0])
    return [(x * s, torch.tensor(k)) for s in (1.0, -1.0) for k in (0, 1, 2, 4)]

"""Conditions that hide in a submodule, a property, a helper, a ternary and a default argument."""

import torch
from torch import nn


def pick(a, b, cond):
    return a if cond else b


class Clip(nn.Module):
    """Rescales only where the norm is too large."""

    def __init__(self, limit=2.0):
        super().__init__()
        self.limit = limit

    def forward(self, x):
        norm = x.norm()
        return x * (self.limit / norm) if norm > self.limit else x


class Gate(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.score = nn.Linear(dim, 1)

    def is_open(self, x):
        return self.score(x).mean() > 0

    def forward(self, x):
        return self.is_open(x)


class Net(nn.Module):
    def __init__(self, dim=6):
        super().__init__()
        self.clip = Clip()
        self.gate = Gate(dim)
        self.up = nn.Linear(dim, dim)
        self.down = nn.Linear(dim, dim)
        self.scale = 1.5

    @property
    def gain(self):
        return self.scale * 2

    def _should_negate(self, x):
        if x[0, 0] > 0:
            return False
        return bool(x.sum() > 0)

    def forward(self, x):
        x = self.clip(x)
        layer = self.up if self.gate(x) else self.down
        y = layer(x)
        sign = -1 if self._should_negate(y) else 1
        y = y * sign * self.gain
        return pick(torch.relu(y), torch.tanh(y), y.max() > 1.0)


def get_model():
    torch.manual_seed(4)
    return Net().eval()


def example_inputs():
    return (torch.ones(2, 6),)


def more_inputs():
    g = torch.Generator().manual_seed(1)
    return [(torch.randn(2, 6, generator=g) * (0.3 + k % 3),) for k in range(12)]

"""`and`, `or`, `not` and chained comparisons that mix static and tensor operands."""

import torch
from torch import nn


class Mixed(nn.Module):
    def __init__(self, use_skip=True, use_gate=False, low=-0.5, high=0.5):
        super().__init__()
        self.use_skip = use_skip
        self.use_gate = use_gate
        self.low, self.high = low, high
        self.fc = nn.Linear(4, 4)
        self.bias = None

    def forward(self, x):
        m = x.mean()
        taken = []
        if self.use_gate and m > 100:
            return x
        if self.use_skip and m > 0:
            x = x + self.fc(x)
            taken.append("skip")
        if self.low < m <= self.high:
            x = x * 2
        elif not (m < self.low or self.use_gate):
            x = x - 1
        if (self.bias is None or x.sum() > 0) and not x.min() < -3:
            x = torch.sigmoid(x)
        if 0 < len(x.shape) < 3 and x.max() > 0.9 and not self.use_gate:
            x = x.flip(0)
        fallback = (x.sum() > 2 and m) or x.max()
        return x, fallback, "skip" in taken or len(taken) > 3


def get_model():
    torch.manual_seed(0)
    return Mixed().eval()


def example_inputs():
    return (torch.linspace(-1, 1.2, 8).reshape(2, 4),)


def more_inputs():
    base = torch.linspace(-1, 1.2, 8).reshape(2, 4)
    return [(base * s + o,) for s in (0.2, 1.0, 4.0) for o in (-2.0, -0.3, 0.3, 2.0)]

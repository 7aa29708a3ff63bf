"""Errors whose messages are texts that values of tensors chose."""

import torch
from torch import nn

NAMES = ["low", "middle", "high"]


class Guarded(nn.Module):
    def forward(self, x):
        name = NAMES[int(x.argmax())]
        y = x + 1
        if x.sum() > 0:
            y = y * 2
        if y.max() > 2:
            raise ValueError(name)
        sign = "none"
        for i in range(3):
            sign = "plus" if y[i] > 0.5 else "minus"
            y = y * 0.9
        if y.max() > 0.7:
            raise RuntimeError(sign)
        return y


def get_model():
    return Guarded()


def example_inputs():
    return (torch.tensor([-0.5, -0.6, -0.7]),)


def more_inputs():
    rows = [(2, 0, 0), (0, 2, 0), (0, 0, 2), (-0.1, -0.2, -0.1), (-0.1, -0.2, -0.9), (-1, -2, -3)]
    return [(torch.tensor(row, dtype=torch.float32),) for row in rows]

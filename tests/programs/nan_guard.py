"""Numerical guards: nan checks, fall-backs, integer tensors, division, sign functions of Python numbers."""

import torch
from torch import nn


class SafeNorm(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.5, 2, dim))
        self.fallbacks = 0

    def forward(self, x, ids):
        var = x.var(unbiased=False)
        if var == 0 or torch.isnan(var):
            self.fallbacks += 1
            return torch.zeros_like(x), self.fallbacks
        y = (x - x.mean()) / var.sqrt() * self.weight
        count = ids.sum().item()
        if count % 2 == 0:
            y = y[..., ::2]
        elif count // 3 > 1:
            y = y ** (count // 3)
        ratio = count / len(ids)
        if -1 < ratio < 1:
            y = y + ratio
        return (y if y.isfinite().all() else torch.nan_to_num(y)), self.fallbacks


STATEFUL = True


def get_model():
    return SafeNorm()


def example_inputs():
    return torch.tensor([[1.0, 2.0, 3.0, 5.0]]), torch.tensor([1, 2])


def more_inputs():
    x = torch.tensor([[1.0, -2.0, 3.0, 5.0]])
    return [
        (x, torch.tensor([1, 2])),
        (torch.ones(1, 4), torch.tensor([1, 2])),
        (x * float("nan"), torch.tensor([1, 2])),
        (x * 3, torch.tensor([1, -1])),
        (x, torch.tensor([4, 3])),
        (x / 2, torch.tensor([-1, 2])),
        (torch.zeros(1, 4), torch.tensor([0, 0])),
    ]

"""`range` with bounds, start and step that are decided by tensors."""

import torch
from torch import nn


class DynamicRange(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.cell = nn.Linear(dim, dim)
        self.extra = nn.Linear(dim, dim)

    def forward(self, x, n):
        steps = int(n)
        total = x.new_zeros(())
        for i in range(steps):
            x = torch.tanh(self.cell(x))
            total = total + x.sum() * i
        for k in range(steps, 8, 2):
            total = total + k
            if total > 20:
                break
        for j in range(steps - 1, -1, -1):
            x = x + j * self.extra(x) / 10
        return x, total


def get_model():
    torch.manual_seed(0)
    return DynamicRange().eval()


def example_inputs():
    return torch.ones(1, 4), torch.tensor(2)


def more_inputs():
    return [(torch.ones(1, 4) * (1 + k), torch.tensor(k)) for k in (0, 1, 3, 5, 9)]

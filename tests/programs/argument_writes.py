"""A function that changes its argument in place on some paths."""

import torch
from torch import nn


class Replay(nn.Module):
    def __init__(self, dim=3):
        super().__init__()
        self.value = nn.Linear(dim, 1)

    def forward(self, memory, item, slot):
        v = self.value(item)
        if v > 0:
            memory[int(slot)] = item
            return v
        if (memory == 0).all():
            memory.fill_(0.5)
        row = memory[0]
        if item.sum() > 0:
            row += item
        return row.sum() + v.squeeze()


def get_model():
    torch.manual_seed(2)
    return Replay().eval()


def example_inputs():
    return torch.zeros(4, 3), torch.ones(3), torch.tensor(2)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    items = [torch.randn(3, generator=g) for _ in range(5)]
    fresh = [(torch.zeros(4, 3), item, torch.tensor(k % 4)) for k, item in enumerate(items)]
    used = [(torch.ones(4, 3), item, torch.tensor(3 - k % 4)) for k, item in enumerate(items)]
    return fresh + used

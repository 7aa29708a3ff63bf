"""Buffers that a call changes and the next call reads: running statistics and a ring buffer."""

import torch
from torch import nn

STATEFUL = True


class Novelty(nn.Module):
    def __init__(self, dim=3, slots=4):
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("memory", torch.zeros(slots, dim))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.momentum = 0.2

    def forward(self, x):
        gap = (self.memory - x).norm(dim=1).min()
        novel = False
        if self.count == 0 or gap > 1.0:
            self.memory[int(self.count) % self.memory.shape[0]] = x
            self.count += 1
            novel = True
        self.mean.mul_(1 - self.momentum).add_(self.momentum * x)
        if self.mean.norm() > 1.2:
            self.mean = torch.zeros_like(self.mean)
        return x - self.mean, novel, self.count.clone()


def get_model():
    return Novelty()


def example_inputs():
    return (torch.ones(3),)


def more_inputs():
    g = torch.Generator().manual_seed(2)
    return [(torch.randn(3, generator=g) * 1.3 + 0.4,) for _ in range(14)]

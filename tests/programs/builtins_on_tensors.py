"""Builtins that decide on tensor values: sorted, min, max, sum, any, all, map, filter, reduce, round."""

import functools

import torch
from torch import nn


class Tournament(nn.Module):
    def __init__(self, dim=4, players=3):
        super().__init__()
        self.players = nn.ModuleList([nn.Linear(dim, dim) for _ in range(players)])

    def forward(self, x):
        outs = list(map(lambda m: m(x), self.players))
        ranked = sorted(outs, key=lambda o: float(o.sum()))
        best = max(outs, key=lambda o: o.max().item())
        worst = min(outs, key=torch.Tensor.norm)
        positive = list(filter(lambda o: o.mean() > 0, outs))
        if any(o.max() > 1 for o in outs) or all(map(lambda o: o.sum() < 0, outs)):
            best = best * 2
        y = functools.reduce(lambda a, b: a if a.norm() > b.norm() else b, ranked)
        total = sum(positive, torch.zeros_like(x))
        level = abs(x.sum().item())
        if round(level) == 2:
            total = total + 1
        return torch.stack(ranked), best, worst, y, total, len(positive)


def get_model():
    torch.manual_seed(0)
    return Tournament().eval()


def example_inputs():
    return (torch.ones(1, 4),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 4, generator=g) * 1.5,) for _ in range(10)]

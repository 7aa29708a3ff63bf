"""Orders told by numbers that data give: keys that read tensors, tuples, lists, `sort` in place."""

import torch
from torch import nn


class Ranking(nn.Module):
    def forward(self, x):
        best = min(range(3), key=lambda i: x[i].item())
        worst = max([0, 1, 2], key=lambda i: float(x[i]))
        last = sorted([2, 0, 1], key=lambda i: x[i].item())[-1]
        pairs = [(x[i].item(), i) for i in range(3)]
        pairs.sort(reverse=True)
        first, second = (x[0].item(), 1, x[1].item()), (x[0].item(), 1, x[2].item())
        if first < second or [x[0].item()] >= [x[1].item(), 2.0]:
            x = x * 2
        words = sorted(["bb", "a", "ccc"], key=len, reverse=True)
        return x, best, worst, last, pairs, first >= second, words


def get_model():
    return Ranking()


def example_inputs():
    return (torch.tensor([0.5, -1.0, 2.0]),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    ties = [torch.tensor([1.0, 1.0, 0.0]), torch.tensor([0.0, 2.0, 2.0]), torch.zeros(3)]
    return [*((torch.randn(3, generator=g),) for _ in range(8)), *((tie,) for tie in ties)]

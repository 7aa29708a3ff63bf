"""Python numbers as arguments: a threshold, an int that only counts, a bool, an int that picks a layer."""

import torch
from torch import nn


class Anytime(nn.Module):
    def __init__(self, dim=4, layers=4):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(dim, dim) for _ in range(layers)])
        self.heads = nn.ModuleList([nn.Linear(dim, 2) for _ in range(3)])

    def forward(self, x, threshold: float, budget: int, task: int, residual: bool):
        used = 0
        for layer in self.layers:
            if used >= budget:
                break
            y = torch.tanh(layer(x))
            x = x + y if residual else y
            used += 1
            if x.abs().max() > threshold:
                used *= 2
        return self.heads[task](x), used, budget - used


def get_model():
    torch.manual_seed(0)
    return Anytime().eval()


def example_inputs():
    return torch.ones(1, 4), 1.5, 3, 0, True


def more_inputs():
    x = torch.tensor([[0.5, -1.0, 0.2, 0.8]])
    settings = [
        (1.5, 3, 0, True),
        (0.5, 9, 1, True),
        (0.9, 5, 2, False),
        (9.0, 0, 2, True),
        (9.0, 4, 1, False),
    ]
    return [(x, *setting) for setting in settings]

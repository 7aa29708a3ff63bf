"""`min` and `max` of what is made while they run: each comparison is made when its item comes."""

import torch
from torch import nn


class Extrema(nn.Module):
    def forward(self, x):
        small = any(v < 0 for v in x)
        best = max((v for v in x if v < 1), default=0)
        least = min((v * 2 for v in x if v > -1), key=lambda v: -v, default=None)
        place = max(range(3), key=lambda i: x[i])
        number = min([v.item() for v in x if v != 0], default=7.0)
        return small, best, least, place, number


def get_model():
    return Extrema().eval()


def example_inputs():
    return (torch.tensor([0.5, 0.25, -0.5]),)


def more_inputs():
    g = torch.Generator().manual_seed(1)
    return [(torch.randn(3, generator=g) * 1.5,) for _ in range(10)] + [(torch.full((3,), 2.0),)]

"""Starred unpacking, *args and **kwargs, swaps and nested targets."""

import torch
from torch import nn


def fuse(first, *rest, scale=1.0, **options):
    out = first
    for r in rest:
        out = out + scale * r
    return -out if options.get("negate") else out


class Starred(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(dim, dim) for _ in range(4)])

    def branches(self, x):
        return tuple(layer(x) for layer in self.layers)

    def forward(self, x):
        head, *middle, tail = self.branches(x)
        if head.sum() > tail.sum():
            head, tail = tail, head
        kwargs = {"scale": 0.5}
        if (head[0] < 0).all() and tail.sum() > 1:
            kwargs["negate"] = True
            middle = [*middle, tail]
        y = fuse(head, *middle, **kwargs)
        (a, b), *others = y[0, :2].unbind(0), tail, y
        low, high = sorted((a.item(), b.item()))
        return y * (high - low), *others


def get_model():
    torch.manual_seed(1)
    return Starred().eval()


def example_inputs():
    return (torch.ones(2, 4),)


class _Unused:
    """Files in the wild have classes that nothing uses."""


def more_inputs():
    g = torch.Generator().manual_seed(4)
    return [
        (torch.randn(2, 4, generator=g) * s,) for s in (0.1, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 4.0)
    ]

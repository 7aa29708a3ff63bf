"""Conditions on sizes that are free, and on sizes that data decides."""

import torch
from torch import nn


class Chunked(nn.Module):
    def __init__(self, dim=4, window=4):
        super().__init__()
        self.proj = nn.Linear(dim, dim)
        self.window = window

    def forward(self, x):
        n = x.shape[0]
        if n == 1:
            return self.proj(x), 0
        if n > self.window:
            pieces = [self.proj(x[i : i + self.window]).sum(0) for i in range(0, n, self.window)]
            y = torch.stack(pieces)
        else:
            y = self.proj(x)
        kept = y[y.sum(1) > 0]
        if kept.shape[0] == 0:
            return y, -1
        if kept.shape[0] < y.shape[0]:
            return kept.mean(0, keepdim=True), kept.size(0)
        return y * len(kept), n


def get_model():
    torch.manual_seed(0)
    return Chunked().eval()


def example_inputs():
    return (torch.randn(6, 4, generator=torch.Generator().manual_seed(0)),)


def dynamic_shapes():
    return ({0: torch.export.Dim.DYNAMIC},)


def more_inputs():
    g = torch.Generator().manual_seed(1)
    sizes = (1, 2, 3, 4, 5, 8, 11, 16)
    signed = [(torch.ones(3, 4) * s,) for s in (5.0, -5.0)]
    return [*[(torch.randn(n, 4, generator=g),) for n in sizes], *signed]

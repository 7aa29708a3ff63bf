"""Tensors of a free size that a call keeps: those of the next call's arguments are of another size."""

import torch
from torch import nn


class Difference(nn.Module):
    """To the last batch, where that was as large; adds up over batches of one size."""

    def __init__(self):
        super().__init__()
        self.last = None
        self.total = None

    def forward(self, x):
        same = self.last is not None and x.shape[0] == self.last.shape[0]
        if not same:
            self.total = torch.zeros_like(x)
        sizes = (x.shape[0], 0 if self.last is None else self.last.shape[0], same)
        change = x - self.last if same else x
        self.total = self.total + change.abs()
        self.last = x.clone()
        return change, self.total.sum() if x.sum() > 0 else self.total.mean(), sizes


STATEFUL = True


def get_model():
    return Difference()


def example_inputs():
    return (torch.ones(2, 3),)


def dynamic_shapes():
    return ({0: torch.export.Dim.DYNAMIC},)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(n, 3, generator=g),) for n in (2, 2, 3, 5, 5, 5, 1, 1, 4, 2)]

"""Attributes and methods of Python numbers that a tensor's value gave."""

import torch
from torch import nn


class Numbers(nn.Module):
    def forward(self, x):
        n = int(x.argmax())
        f = x.sum().item()
        total = n.real + n.imag + n.conjugate() + f.real + f.imag
        if f.is_integer():
            total = total + 10
        if hasattr(n, "item"):
            total = total + 100
        return x * total, n.real, (n > 1).real


def get_model():
    return Numbers().eval()


def example_inputs():
    return (torch.ones(4),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(4, generator=g),) for _ in range(6)] + [(torch.arange(4.0),)]

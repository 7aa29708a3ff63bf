"""A flag that asks for the hidden states, given back as a tuple, as in many libraries."""

import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, dim=4, depth=3):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(dim, dim) for _ in range(depth))

    def forward(self, x, output_hidden_states=False):
        hidden = []
        for block in self.blocks:
            x = torch.tanh(block(x))
            if output_hidden_states:
                hidden.append(x)
            if x.abs().max() < 0.6:
                break
        return (x * 2, tuple(hidden)) if x.sum() > 0 else (x, tuple(hidden))


def get_model():
    torch.manual_seed(0)
    return Encoder().eval()


def example_inputs():
    return (torch.ones(2, 4), False)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(2, 4, generator=g) * 2, n % 2 == 0) for n in range(12)]

"""Greedy decoding that makes what it has chosen less likely: a list of tokens becomes an index."""

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        ids = [0]
        while len(ids) < 6:
            idx = torch.tensor(ids)
            x = x.scatter(0, idx, x.gather(0, idx) / 2)
            x = x.scatter(0, idx[:1], 0.1).scatter_add(0, idx, torch.ones(len(ids)) * 0.01)
            ids.append(int(x.argmax()))
            if x.sum() < 0:
                break
        return x, ids


def get_model():
    return Net().eval()


def example_inputs():
    return (torch.linspace(0.2, 2, 8),)


def more_inputs():
    random = torch.Generator().manual_seed(1)
    return [(torch.randn(8, generator=random) + shift,) for shift in (1, 0.5, 0, -0.5) for _ in range(4)]

"""Attributes of tensors on the way to decisions: `.data`, `.T`, `.mT`, `.shape`, `.device`, `.is_cuda`."""

import torch
from torch import nn


class Gram(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.fc = nn.Linear(dim, dim)

    def forward(self, x):
        y = self.fc(x)
        rows, cols = y.shape
        gram = y.T @ y if rows > 1 and not y.is_cuda else y.mT
        if gram.mT.diagonal().sum() > 3:
            gram = gram / gram.data.max()
        policy = torch.sigmoid(y.detach()[0])
        steps = torch.arange(cols, device=x.device)
        for t in range(cols):
            if policy.data[t] < 0.5:
                continue
            gram = gram + steps[t] * 0.1
            if gram.ndim == 2 and gram.data[0, t].item() > 1:
                break
        return gram, policy


def get_model():
    torch.manual_seed(0)
    return Gram().eval()


def example_inputs():
    return (torch.ones(2, 4),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(2, 4, generator=g) * (0.5 + k % 3),) for k in range(10)]

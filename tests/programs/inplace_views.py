"""In-place operations and views across branches: who shares with whom depends on the path."""

import torch
from torch import nn


class Aliases(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.fc = nn.Linear(dim, dim)

    def forward(self, x):
        h = self.fc(x)
        y = h if h.sum() > 0 else h.clone()
        y.add_(1)
        row = h[0]
        if h.max() > 1.2:
            row.mul_(2)
            view = h.t()
        else:
            view = h.view(-1)[:4]
            row = row + 1
        view[0] = 9.0
        if x[0, 0] > 0:
            h[:, 1:3] -= row[1:3]
            h[1] = y[0]
        buf = [h, y]
        if y.mean() > 0.5:
            buf.reverse()
        buf[0].clamp_(-2, 2)
        return h, y, row, view


def get_model():
    torch.manual_seed(0)
    return Aliases().eval()


def example_inputs():
    return (torch.ones(2, 4),)


def more_inputs():
    g = torch.Generator().manual_seed(3)
    return [(torch.randn(2, 4, generator=g) * (0.5 + k % 3),) for k in range(12)]

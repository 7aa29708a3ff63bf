"""Slices whose bounds the data decides; padding to a static size after."""

import torch
import torch.nn.functional as F
from torch import nn


class Crop(nn.Module):
    def __init__(self, size=8):
        super().__init__()
        self.fc = nn.Linear(size, 4)
        self.size = size

    def forward(self, x, length):
        n = length.item()
        head = x[:, :n]
        tail = x[:, n:]
        if n == 0:
            return self.fc(x), tail
        if head.mean() > 0:
            head = head - head.mean()
        start = max(n - 3, 0)
        window = x[:, start:n]
        y = F.pad(head, (0, self.size - n))
        if n > 5:
            y[:, : n - 5] = 0
            y[:, -1] += window.sum()
        return self.fc(y), window


def get_model():
    torch.manual_seed(0)
    return Crop().eval()


def example_inputs():
    return torch.linspace(-1, 1, 16).reshape(2, 8), torch.tensor(4)


def more_inputs():
    x = torch.linspace(-1, 1, 16).reshape(2, 8)
    return [(x * s, torch.tensor(n)) for s in (1.0, -1.0) for n in (0, 1, 3, 6, 8)]

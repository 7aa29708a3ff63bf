"""Calls whose kernels ask for the sizes of what a mask selects: padding, a recurrent layer, windows."""

import torch
import torch.nn.functional as F
from torch import nn


class Events(nn.Module):
    def __init__(self, dim=3, hidden=4):
        super().__init__()
        self.rnn = nn.GRU(dim, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 2)

    def forward(self, x, keep):
        events = x[keep]
        if events.shape[0] == 0:
            return torch.zeros(2), 0, 0
        if x.sum() > 0:
            events = events * 2
        padded = F.pad(events, (0, 0, 1, 2))
        states, last = self.rnn(padded[None])
        windows = padded.unfold(0, 2, 1).mean(-1)
        return self.out(last[0, 0]) + windows.sum(), padded.shape[0], states.shape[1]


def get_model():
    torch.manual_seed(0)
    return Events().eval()


def example_inputs():
    return torch.ones(5, 3), torch.tensor([True, False, True, True, False])


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(5, 3, generator=g), torch.rand(5, generator=g) > 0.2 * k) for k in range(6)]

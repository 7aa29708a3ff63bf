"""A decoder with a cache that is cut back where a guess was wrong: keys and values by the same bound."""

import torch
from torch import nn


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(4, 8)

    def forward(self, x):
        k = v = None
        h, n = x, 1
        for _ in range(6):
            a, b = self.project(h).chunk(2, -1)
            k = a if k is None else torch.cat([k, a], 1)
            v = b if v is None else torch.cat([v, b], 1)
            h = (h @ k.mT).softmax(-1) @ v
            n += 1
            if h.sum() > 0.3:
                n = max(n - 2, 1)
                k, v = k[:, :n], v[:, :n]
        return h, k, v


def get_model():
    torch.manual_seed(0)
    return Decoder().eval()


def example_inputs():
    return (torch.randn(2, 1, 4, generator=torch.Generator().manual_seed(0)),)


def more_inputs():
    random = torch.Generator().manual_seed(1)
    return [(torch.randn(2, 1, 4, generator=random),) for _ in range(12)]

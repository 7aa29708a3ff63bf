"""Optional arguments, keyword arguments and flags; `None` stays fixed, numbers are inputs."""

import torch
from torch import nn


class Attend(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.q = nn.Linear(dim, dim)
        self.k = nn.Linear(dim, dim)

    def forward(
        self, x, memory=None, mask=None, temperature: float = 1.0, max_hops: int = 3, return_weights=False
    ):
        if memory is None:
            memory = x
        weights = []
        for hop in range(max_hops):
            score = self.q(x) @ self.k(memory).t() / temperature
            if mask is not None:
                score = score.masked_fill(mask, -1e9)
            w = score.softmax(-1)
            weights.append(w)
            x = x + w @ memory
            if w.max() > 0.9 and hop > 0:
                break
        if return_weights:
            return x, weights[-1]
        return x


def get_model():
    torch.manual_seed(0)
    return Attend().eval()


def example_inputs():
    return torch.eye(3, 4), None, torch.zeros(3, 3, dtype=torch.bool), 1.0, 4


def example_kwargs():
    return {"return_weights": True}


def more_inputs():
    mask = torch.eye(3, dtype=torch.bool)
    g = torch.Generator().manual_seed(0)
    x = torch.randn(3, 4, generator=g)
    return [(x * s, None, mask, t, n) for s in (0.5, 3.0) for t in (0.2, 1.0) for n in (1, 4, 6)]

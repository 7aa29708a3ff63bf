from typing import NamedTuple


import torch
from torch import nn


class Pair(NamedTuple):
    first: torch.Tensor
    second: object


class Exit(Exception):
    def __init__(self, value):
        super().__init__("exit")
        self.value = value


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.f1 = nn.Linear(4, 4)
        self.f2 = nn.Linear(4, 4)
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.experts = nn.ModuleList(nn.Linear(4, 4) for _ in range(4))
        self.weight = nn.Parameter(torch.randn(4, 4) * 0.5)
        self.register_buffer("bias", torch.linspace(-0.5, 0.6, 4))
        self.register_buffer("memory", torch.zeros(4))
        self.count = 0
        self.hidden = None

    def forward(self, x, k):
        h = torch.tanh(x + k)
        tag1 = "a"
        k += 1
        best2 = None
        if -0.6401 < self.bias[1] < 0.8848:
            try:
                if h[-1] <= 0.5345:
                    k = int(h[1:].mean() * 3.3)
                    tag1 = "a"
                    if (h.mean()).item() > 0.4043:
                        return Pair(-h, best2)
                else:
                    if x.mean() > -0.1578:
                        h3 = torch.relu(x)
                if float((x * h).sum()) < -0.1399:
                    raise Exit(h)
                h4 = x * 0.7792
            except Exit as error:
                h = error.value
                k -= 2
            finally:
                k = int(self.bias.abs().max() * 3.3)
        if (h * h).sum() >= x[0] + -0.3582:
            return {'out': h * 0.3696, 'more': x}
        return {'out': h, 'more': h}


def build():
    torch.default_generator.manual_seed(494)
    return Net().eval().requires_grad_(False)


NUDGE = 1.0


def arguments(seed, scale, shift, k):
    g = torch.Generator().manual_seed(seed)
    return ((torch.randn(4, generator=g) * scale + shift) * NUDGE, k,)


def calls():
    return [
        arguments(413, 1.5, 0.11, 0),
        arguments(6650, 0.2, -0.63, 4),
        arguments(9111, 0.2, 0.68, 2),
    ]

# once a hang: the memory of each item of a list that grows was followed one after the other
from typing import NamedTuple


import torch
from torch import nn


class Pair(NamedTuple):
    first: torch.Tensor
    second: object


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

    def forward(self, x):
        h = x.clone()
        h1 = x
        n2 = int(h.argmax())
        hs3 = [x]
        w4 = self.bias.to(torch.float64) * 0.5
        n5 = x[:4].argmax().item()
        n6 = 0
        while n6 < 3:
            n6 += 1
            hs3.extend([x, h1.flip(0)])
            if n6 % 2 == 1:
                h7 = x.clone()
                best8 = None
            elif n6 > 2:
                s9 = (h1 * x).sum()
                if (self.bias > -0.3145).all():
                    continue
            cache10 = {'a': self.bias, 'n': 7 // (n2 % 3 + 1)}
        x[1:3] = 0.1413
        h = h1 + 0.2832
        h.clamp_(-0.8, 0.8)
        n11 = 0
        while n11 < 2:
            n11 += 1
            h.mul_(0.5678)
            s12 = h[1:].mean()
            h13 = torch.softmax(h, dim=0)
        else:
            x = torch.relu(x)
        h.clamp_(-0.8, 0.8)
        hs3 = list(hs3)
        h1 = h
        if self.bias.mean() <= 0.5010:
            return Pair(h1, hs3)
        return torch.where(x > -0.3089, x, h1 * 0.5), (n5, {'k': n2})


def build():
    torch.default_generator.manual_seed(184)
    return Net().eval().requires_grad_(False)


NUDGE = 1.0


def arguments(seed, scale, shift):
    g = torch.Generator().manual_seed(seed)
    return ((torch.randn(4, generator=g) * scale + shift) * NUDGE,)


def calls():
    return [
        arguments(361, 0.2, 0.29),
        arguments(7456, 0.7, 0.24),
        arguments(6966, 0.2, 0.11),
    ]


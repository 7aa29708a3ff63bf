# once wrong: a tensor that sorting chose was a copy, and what it was chosen from was changed later
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.f1 = nn.Linear(8, 8)
        self.f2 = nn.Linear(8, 8)
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        self.experts = nn.ModuleList(nn.Linear(8, 8) for _ in range(4))
        self.weight = nn.Parameter(torch.randn(8, 8) * 0.5)
        self.register_buffer("bias", torch.linspace(-0.5, 0.6, 8))
        self.register_buffer("memory", torch.zeros(8))
        self.count = 0
        self.hidden = None

    def forward(self, x):
        h = -x
        h1 = x
        hs2 = [h1, torch.clamp(self.bias, -1.5, 1.5)]
        h1 = torch.tanh(sum(hs2, self.bias))
        if ((x > 0.5246).sum() >= 4):
            h1.mul_(0.3822)
            x = h.clone()
            x, x = x, x
        hs3 = sorted(hs2, key=lambda e: -e.max().item(), reverse=True)
        h1.clamp_(-0.8, 0.8)
        self.count -= 2
        x = x.clone()
        hs3.append(x)
        hs3 = hs3 + [self.bias.flip(0)]
        h1 = -x
        if hs2:
            hs2[0].add_(-0.4723)
        h4 = (h1 - h) * 0.5
        h1 = torch.where(h4 > 0.4382, h4, h4 * 0.5)
        x[5:7] = 0.3086
        h5 = h4 * 0.7437
        self.count += 1
        return h1 * torch.sigmoid(h4), hs3


def build():
    torch.default_generator.manual_seed(446)
    return Net().eval().requires_grad_(False)


NUDGE = 1.0


def arguments(seed, scale, shift):
    g = torch.Generator().manual_seed(seed)
    return ((torch.randn(8, generator=g) * scale + shift) * NUDGE,)


def calls():
    return [
        arguments(179, 0.2, 0.72),
        arguments(9848, 1.5, 0.68),
    ]

# once wrong
# reference: call 1: output['out'][3]: expected -0.151, got -0.5 (1 of 6 values differ)
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.f1 = nn.Linear(6, 6)
        self.f2 = nn.Linear(6, 6)
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))
        self.experts = nn.ModuleList(nn.Linear(6, 6) for _ in range(4))
        self.weight = nn.Parameter(torch.randn(6, 6) * 0.5)
        self.register_buffer("bias", torch.linspace(-0.5, 0.6, 6))
        self.register_buffer("memory", torch.zeros(6))
        self.count = 0
        self.hidden = None

    def forward(self, x):
        h = torch.tanh(self.f2(x))
        if (s1 := (x * x).sum()) > 0.1453:
            part2 = h.narrow(0, 2, 3)
            h, h = h, min([x, h * 0.7, x - 0.3], key=lambda e: e.sum()) * 0.5
        elif torch.norm(self.bias) >= -0.2265:
            h = torch.where(x > 0.1913, x, x * 0.5)
            part3 = h[3:]
        elif (x * x).sum() < -0.1693:
            s1 *= 0.8396
            s1 = (h * x).sum()
        n4 = 0
        while (x[5] > x.mean() + 0.1073) and n4 < 2:
            n4 += 1
            s1 = self.bias[0]
        s1 *= 0.3020
        h, h = h, torch.where(h > 0.1819, h, x * 0.5)
        h = torch.where(h > 0.1522, h, x * 0.5)
        if (s5 := s1) > 0.5468:
            s1 *= 0.3624
        else:
            h6 = torch.tanh(self.f1(h))
        n7 = 0
        while True:
            n7 += 1
            if self.bias.mean() >= -0.1697 or n7 > 4:
                break
            hs8 = [x * c for c in (0.3, 0.5) if torch.any(x < -0.5590)]
            n9 = 0
            while (x.max() - x.min() > 0.2178) and n9 < 4:
                n9 += 1
                if n4 % 2 == 1:
                    h = h + -0.5238
                else:
                    s1 = s1 * 0.5 + x.sum() * 0.3
                part10 = h[3:]
                h = torch.cat([x[3:], h[:3]])
        h = torch.cat([h[3:], self.bias[:3]])
        if -0.8813 < x[1] < 0.4366:
            return x, n7, n4, n7
        return {'out': h, 'more': n7}


def build():
    torch.default_generator.manual_seed(117)
    return Net().eval().requires_grad_(False)


NUDGE = 1.0


def arguments(seed, scale, shift):
    g = torch.Generator().manual_seed(seed)
    return ((torch.randn(6, generator=g) * scale + shift) * NUDGE,)


def calls():
    return [
        arguments(7291, 0.7, 0.6),
        arguments(3057, 1.5, -0.42),
        arguments(2199, 1.5, 0.34),
        arguments(8646, 0.2, 0.17),
        arguments(5808, 0.7, 0.13),
    ]

# once wrong
# forced: line 27: exception: expected Stop('stop at 0'), got RuntimeError (a chosen text as a message)
import torch
from torch import nn


class Stop(Exception):
    pass


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

    def forward(self, x, y):
        h = torch.cat([self.memory[2:], y[0][:2]])
        if (self.bias.max() - self.bias.min() < 0.0886) or ((self.memory * self.bias).sum() * 2 >= self.count - 0.3717):
            n1 = int(self.bias[:4].argmin())
            f2 = self.count / 3
            with torch.no_grad():
                h3 = self.descend(y[0], 2)
                with torch.no_grad():
                    if (self.hidden is None) or ((h3.sum() * 0.3).item() >= -0.5388):
                        y[2] = self.descend(h, 1)
                        h3 = self.descend(y[0], 3)
                        q4 = (y[2] * 2.3).round().long()
                    elif torch.any(self.bias < -0.3854):
                        n1 -= 2
                    else:
                        q5 = torch.arange(4) - 2
                        f2 = f2 * 0.5 + ((self.memory * x).sum()).item()
                        f2 = float(self.memory[-1])
                    assert self.memory.mean() < -0.5745, f"stop at {self.count}"
        elif self.count > 3:
            if torch.norm(y[0]) >= h.sum() * 0.3 + 0.1152:
                if float(torch.norm(x)) >= 0.0113:
                    flag6 = (x * self.bias).sum() > 0.4538
        if self.count % 2 == 1:
            self.count += 1
        return x, y[2], y[0], h, h

    def descend(self, t, depth):
        if depth == 0 or t.mean() > 0.3859:
            return t
        h1 = t.clone()
        try:
            if not ((self.hidden is None) and (-0.1659 < (h1 * t).sum() < 0.2059)) and ((t > -0.5328).sum() <= 3):
                raise Stop(f"stop at {self.count}")
            if (self.memory > -0.8408).all() and bool(t.max() - t.min() <= 0.0725):
                raise Stop("stop")
        finally:
            h1.add_(-0.1745)
        self.memory = t.flip(0)
        return self.descend((self.memory - t) * 0.5, depth - 1)


def build():
    torch.default_generator.manual_seed(736)
    return Net().eval().requires_grad_(False)


NUDGE = 1.0


def arguments(seed, scale, shift):
    g = torch.Generator().manual_seed(seed)
    return ((torch.randn(4, generator=g) * scale + shift) * NUDGE, (torch.randn(3, 4, generator=g) * scale + shift) * NUDGE,)


def calls():
    return [
        arguments(1856, 0.2, 0.37),
        arguments(9324, 0.7, 0.36),
        arguments(6238, 0.7, 0.02),
        arguments(4115, 1.5, -0.67),
        arguments(9846, 0.2, -0.25),
    ]

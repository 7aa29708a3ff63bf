# once wrong
# reference: call 0: arguments[0][0][3]: expected 1.4400517, got -0.28646803 (1 of 8 values differ)
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

    def forward(self, x, y):
        h = torch.where(y[0] > 0.0707, y[0], x * 0.5)
        part1 = x.narrow(0, 3, 4)
        y[2], x = x, (y[2] - h) * 0.5
        y[2], y[1] = y[1], y[2].clone()
        if float(torch.norm(self.bias)) < -0.0841:
            q2 = torch.arange(8) - 2
            part3 = h[4:]
            h4 = y[0] if x[2] >= -0.1186 else h * 0.3368
        if (h[1:].mean()).item() <= 0.2030:
            q5 = torch.arange(8) - 2
        else:
            y[2] = torch.where(self.bias > 0.0971, self.bias, y[2] * 0.5)
            if h.abs().max() > -0.5108:
                y[1], y[1] = y[1], y[1]
                part1[0] = torch.norm(y[2])
            elif self.count > 0:
                h = x if y[1].argmax() == 1 else y[1]
                if torch.any(y[1] < -0.3910):
                    y[2] = y[1] + -0.4541
                    if h.argmax() == 6:
                        h6 = self.bias * 0.5970
                        y[0], h6 = h6, torch.cat([part1, part1 * 0.5])
                        h7 = y[1] if (y[2] > 0.7128).any() else x
        if self.bias.abs().max() <= -0.0821:
            return x, self.count, self.count
        return {'out': torch.softmax(h, dim=0), 'more': y[0]}


def build():
    torch.manual_seed(534)
    return Net().eval().requires_grad_(False)


NUDGE = 1.0


def arguments(seed, scale, shift):
    g = torch.Generator().manual_seed(seed)
    return ((torch.randn(8, generator=g) * scale + shift) * NUDGE, (torch.randn(3, 8, generator=g) * scale + shift) * NUDGE,)


def calls():
    return [
        arguments(5224, 1.5, 0.72),
        arguments(5575, 0.2, 0.1),
    ]

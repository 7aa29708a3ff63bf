"""`for … else`, `while … else`, nested `continue`, and a loop over a dynamic number of candidates."""

import torch
from torch import nn


class LineSearch(nn.Module):
    def __init__(self, dim=3):
        super().__init__()
        self.a = nn.Parameter(torch.eye(dim) * 3 + 0.5)

    def value(self, x):
        return 0.5 * x @ self.a @ x + torch.sin(3 * x).sum()

    def forward(self, x):
        reason = "max"
        for it in range(5):
            g = self.a @ x + 3 * torch.cos(3 * x)
            if g.norm() < 0.5:
                reason = "grad"
                break
            step = 1.0
            for _ in range(6):
                trial = x - step * g
                if self.value(trial) < self.value(x) - 0.2 * step * g @ g:
                    break
                step /= 2
            else:
                reason = "stuck"
                break
            if it < 2 and trial.norm() > 4:
                continue
            x = trial
        else:
            x = x * 1.0
        tries = 3
        while tries > 0:
            if self.value(x * 0.9) > self.value(x):
                break
            x = x * 0.9
            tries -= 1
        else:
            reason += "+shrunk"
        return x, reason, it, tries


def get_model():
    return LineSearch()


def example_inputs():
    return (torch.ones(3),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(3, generator=g) * s,) for s in (0.05, 0.5, 1.0, 2.0, 5.0, 20.0)]

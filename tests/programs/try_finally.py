"""`try`, `except`, `else` and `finally` around control that depends on tensors."""

import torch
from torch import nn


class EarlyStop(Exception):
    pass


class Guarded(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.fc = nn.Linear(dim, dim)
        self.temperature = 1.0

    def run(self, x, steps):
        for i in range(steps):
            x = self.fc(x) / self.temperature
            if x.norm() < 0.6:
                raise EarlyStop(i)
            if x.max() > 2.0:
                return x, "overflow"
        return x, "done"

    def forward(self, x):
        log = []
        saved = self.temperature
        self.temperature = 0.8
        try:
            x, status = self.run(x, 4)
        except EarlyStop as stop:
            status = "stopped"
            log.append(stop.args[0])
        else:
            log.append(-1)
        finally:
            self.temperature = saved
            log.append(99)
        try:
            if x.sum() > 0:
                return x * self.temperature, status, log
        finally:
            log.append(7)
        return -x, status, log


def get_model():
    torch.manual_seed(5)
    net = Guarded()
    with torch.no_grad():
        net.fc.weight.mul_(1.4)
    return net.eval()


def example_inputs():
    return (torch.ones(1, 4),)


def more_inputs():
    g = torch.Generator().manual_seed(1)
    return [(torch.randn(1, 4, generator=g) * (0.5 + k % 4),) for k in range(10)]

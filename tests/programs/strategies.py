"""A router that picks strategy objects from a list: class attributes, overridden methods, a budget."""

import torch
from torch import nn


class Strategy:
    name = "base"
    cost = 1

    def apply(self, net, x):
        raise NotImplementedError


class Skip(Strategy):
    name, cost = "skip", 0

    def apply(self, net, x):
        return x


class Half(Strategy):
    name = "half"

    def apply(self, net, x):
        half = x.shape[-1] // 2
        return torch.cat([net(x)[..., :half], x[..., half:]], dim=-1)


class Full(Strategy):
    name, cost = "full", 2

    def apply(self, net, x):
        return torch.relu(net(x)) + x


STRATEGIES = [Skip(), Half(), Full()]


class Budgeted(nn.Module):
    def __init__(self, dim=4, depth=4, budget=5):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(dim, dim) for _ in range(depth)])
        self.router = nn.Linear(dim, len(STRATEGIES))
        self.budget = budget

    def forward(self, x):
        spent = 0
        for layer in self.layers:
            choice = self.router(x).argmax(dim=-1)
            strategy = STRATEGIES[choice.item()]
            if spent + strategy.cost > self.budget:
                continue
            x = strategy.apply(layer, x)
            spent += strategy.cost
            if spent == self.budget and x.norm() > 1:
                return x, spent, strategy.name
        return x, spent, "done"


def get_model():
    torch.manual_seed(4)
    net = Budgeted()
    with torch.no_grad():
        net.router.weight.mul_(3)
    return net.eval()


def example_inputs():
    return (torch.ones(1, 4),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 4, generator=g) * 1.5,) for _ in range(12)]

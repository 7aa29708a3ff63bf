"""`self.experts[int(i)]` and a ModuleDict reached through a list of names."""

import torch
from torch import nn


class HardMoE(nn.Module):
    def __init__(self, dim=6, experts=4):
        super().__init__()
        self.router = nn.Linear(dim, experts)
        self.experts = nn.ModuleList([nn.Linear(dim, dim) for _ in range(experts)])
        self.heads = nn.ModuleDict(
            {"tiny": nn.Linear(dim, 2), "deep": nn.Sequential(nn.Linear(dim, 8), nn.Linear(8, 2))}
        )
        self.names = list(self.heads)
        self.scales = [0.5, 1.0, 2.0, 4.0]

    def forward(self, x):
        path = []
        for _ in range(2):
            i = self.router(x).argmax(-1)
            expert = self.experts[int(i)]
            x = torch.relu(expert(x)) * self.scales[i] + x
            path.append(int(i))
        name = self.names[int(x.mean() > 0.4)]
        return self.heads[name](x), path


def get_model():
    torch.manual_seed(8)
    net = HardMoE()
    with torch.no_grad():
        net.router.weight.mul_(4)
    return net.eval()


def example_inputs():
    return (torch.ones(1, 6),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 6, generator=g) * 1.5,) for _ in range(12)]

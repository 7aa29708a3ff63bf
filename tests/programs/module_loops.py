"""`for` over ModuleLists with zip, enumerate and reversed; break, continue and else."""

import torch
from torch import nn


class LadderNet(nn.Module):
    def __init__(self, dim=8, depth=5):
        super().__init__()
        self.encoder = nn.ModuleList([nn.Linear(dim, dim) for _ in range(depth)])
        self.gates = nn.ModuleList([nn.Linear(dim, 1) for _ in range(depth)])
        self.decoder = nn.ModuleList([nn.Linear(dim, dim) for _ in range(depth)])

    def encode(self, x):
        skips = []
        for i, (layer, gate) in enumerate(zip(self.encoder, self.gates, strict=True)):
            if i % 2 == 1 and gate(x).sum() < 0:
                continue
            x = torch.relu(layer(x)) + 0.5 * x
            skips.append(x)
            if x.norm() > 3.5:
                break
        else:
            x = x * 0.1
        return x, skips

    def forward(self, x):
        x, skips = self.encode(x)
        for skip, layer in zip(reversed(skips), reversed(self.decoder), strict=False):
            x = torch.tanh(layer(x)) + skip
            if (x > 2.5).any():
                break
        return x, len(skips)


def get_model():
    torch.manual_seed(2)
    return LadderNet().eval()


def example_inputs():
    return (torch.ones(1, 8),)


def more_inputs():
    g = torch.Generator().manual_seed(2)
    return [(torch.randn(1, 8, generator=g) * (0.4 + 0.3 * (k % 5)),) for k in range(12)]

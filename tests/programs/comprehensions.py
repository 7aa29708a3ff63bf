"""List, dict and set comprehensions, generator expressions and the walrus, over tensor conditions."""

import torch
from torch import nn


class MultiHead(nn.Module):
    def __init__(self, dim=6, heads=4):
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(dim, 3) for _ in range(heads)])
        self.names = [f"head{i}" for i in range(heads)]

    def forward(self, x):
        outs = [torch.relu(h(x)) for h in self.heads]
        strong = [o for o in outs if o.max() > 0.8]
        if not strong:
            strong = [outs[0]]
        signs = {n: (1 if o.sum() > 1 else 0) for n, o in zip(self.names, outs, strict=True)}
        clipped = 0
        if (peak := max(float(o.max()) for o in strong)) > 1.5:
            scale = 1.0 / peak
            clipped += 1
        else:
            scale = 1.0
        if any(o.sum() > 2.5 for o in strong) and not all(s for s in signs.values()):
            scale = scale * 2
        total = sum(o * scale for o in strong)
        return total, signs, len({len(strong), 3}) + clipped


def get_model():
    torch.manual_seed(3)
    return MultiHead().eval()


def example_inputs():
    return (torch.ones(1, 6),)


def more_inputs():
    g = torch.Generator().manual_seed(9)
    return [(torch.randn(1, 6, generator=g) * (0.3 + 0.7 * (k % 3)),) for k in range(10)]

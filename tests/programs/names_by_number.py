"""Layers whose names are made of a number that the data give: ``f"expert_{i}"``, ``getattr``."""

import torch
from torch import nn


class NamedExperts(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.experts = nn.ModuleDict({f"expert_{i}": nn.Linear(dim, dim) for i in range(3)})
        for i in range(3):
            setattr(self, f"layer{i:02d}", nn.Linear(dim, dim))
        self.scale = {"k0": 1.0, "k1": 2.0, "k2": 3.0}

    def forward(self, x):
        i = int(x.argmax())
        x = self.experts[f"expert_{i}"](x)  # a KeyError for the last
        j = x[:3].argmax().item()
        x = getattr(self, f"layer{j:02d}")(x)
        for hit in x.topk(2).indices:
            if hit < 3:
                x = x + self.experts["expert_%d" % hit.item()](x) * self.scale[f"k{hit}"]  # noqa: UP031
        name = f"layer{int(x.argmin()):02d}"
        last = getattr(self, name, None)
        return x if last is None else last(x)


def get_model():
    torch.manual_seed(0)
    return NamedExperts().eval()


def example_inputs():
    return (torch.tensor([1.0, 0.0, 0.0, 0.0]),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(row,) for row in torch.eye(4)] + [(torch.randn(4, generator=g),) for _ in range(12)]

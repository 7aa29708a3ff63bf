""".item(), int(), float(), bool(), len() and .tolist(), and arithmetic on what they give."""

import math

import torch
from torch import nn


class Stats(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)

    def forward(self, x):
        peak = x.max().item()
        where = int(x.argmax())
        spread = float(x.std())
        ok = bool((x > -1).all())
        lo, mid, hi = x.sort().values.tolist()
        rows = len(x)
        gain = math.sqrt(abs(peak)) + rows
        if ok and spread > 0.5:
            gain = max(gain, lo + hi)
        elif where == 2:
            gain = min(gain, -mid)
        y = self.lin(x) * gain
        if where > 0 and peak / (1 + abs(lo)) >= 0.5:
            y = y + where
        return {"y": y, "where": where, "gain": gain, "ok": ok, "parts": [lo, mid, hi], "half": where // 2}


def get_model():
    torch.manual_seed(0)
    return Stats().eval()


def example_inputs():
    return (torch.tensor([0.1, 0.2, 0.3]),)


def more_inputs():
    return [
        (torch.tensor(v),)
        for v in ([0.1, 0.2, 0.3], [3.0, -2.0, 0.5], [-0.5, 2.0, 0.5], [-3.0, -2.0, -1.5], [0.0, 0.1, 5.0])
    ]

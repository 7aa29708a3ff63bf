# once wrong
# reference: call 0: output[3][0][0]: expected -1.0611, got 0.0 (4 of 4 values differ)
import torch
from torch import nn


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

    def forward(self, x):
        h = (x - self.memory) * 0.5
        h1 = self.hidden if self.hidden is not None else self.bias * 0.7942
        hs2 = [self.memory]
        hs3 = [e for e in hs2 if e.max() > -0.5489]
        n4 = 0
        while n4 < 3 and float(h1.mean()) >= -0.5238:
            n4 += 1
            if hs2:
                hs2[0].add_(-0.3537)
            h1 = h1.flip(0)
            hs3.append(torch.tanh(self.f2(self.memory)))
        hs3.append(h.clone())
        hs5 = [self.bias * c for c in (0.3, 0.5) if any(e.mean() > -0.5479 for e in hs3)]
        if n4 % 2 == 0:
            if float(h.max() - h.min()) < -0.3739:
                n6 = 0
                while ((h1 > 0.6685).any()) and n6 < 3:
                    n6 += 1
                    h1 = h1 * 0.7086 if self.hidden is None else self.hidden * 0.5
                    h = self.helper(self.memory, n4)
                    hs7 = []
                n8 = 0
                while n8 < 4:
                    n8 += 1
                    self.memory = self.memory if -0.8812 < x.mean() < 0.5271 else self.memory
                    if torch.any(h1 < -0.5062):
                        x = torch.clamp(h, -1.5, 1.5)
                        h9 = torch.stack([x, *hs2]).max(0).values
        if (x > 0.6225).any():
            return self.helper(h, n4), n4, hs2, hs3
        return x, (hs2, {"k": len(hs3)})

    def helper(self, t, k=1):
        flag1 = t.max() - t.min() > 0.2548
        k = max(k, 2)
        return self.memory.flip(0)


def build():
    torch.manual_seed(170)
    return Net().eval().requires_grad_(False)


NUDGE = 1.0


def arguments(seed, scale, shift):
    g = torch.Generator().manual_seed(seed)
    return ((torch.randn(4, generator=g) * scale + shift) * NUDGE,)


def calls():
    return [
        arguments(4583, 1.5, 0.64),
        arguments(7083, 0.2, -0.78),
    ]

# once wrong
# (the check asked twice for what a program reads that draws)
import torch
from torch import nn

class Net(nn.Module):

    def __init__(self):
        super().__init__()
        self.trace = torch.zeros(2)

    def forward(self, x, k, u):
        h = torch.tanh(x * self.trace.mean())
        h1 = x
        seq3 = -h1
        h4 = x * 0.8419
        if -0.5002 < h[6] < 0.2895:
            self.trace = torch.cat([self.trace, h4])
        return {'out': h1 + torch.rand_like(h1) * 0.2, 'more': seq3}

def build():
    torch.default_generator.manual_seed(854)
    return Net().eval().requires_grad_(False)
SEED = 7
NUDGE = 1.0

def arguments(seed, scale, shift, k, u):
    g = torch.Generator().manual_seed(seed)
    return ((torch.randn(8, generator=g) * scale + shift) * NUDGE, k, (torch.randn(u, generator=g) * scale + shift) * NUDGE)

def calls():
    return [arguments(7204, 0.7, -0.1, 4, 5), arguments(6429, 0.2, 0.06, 0, 8)]

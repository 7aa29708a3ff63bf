# once wrong
# reference: call 1: output: expected NoneType, got list
import torch
from torch import nn

class Net(nn.Module):

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 8) * 0.5)
        self.register_buffer('bias', torch.linspace(-0.5, 0.6, 8))
        self.register_buffer('memory', torch.zeros(8))

    def forward(self, x):
        h = torch.tanh(self.memory @ self.weight)

        def step1(t, c=0.3):
            if torch.norm(t) <= 0.5981:
                pass
            return (self.memory - h) * 0.5 * c
        h6 = step1(self.bias)
        h = step1(x)
        part7 = self.bias[:4]
        h10 = x if h6.max() - h6.min() > h[1:].mean() + 0.2103 else x
        part7.add_(-0.5273)
        if self.bias.mean() > -0.4305:
            return [h6 * 0.5595, self.memory]

def build():
    torch.manual_seed(793)
    return Net().eval().requires_grad_(False)
NUDGE = 1.0

def arguments(seed, scale, shift):
    g = torch.Generator().manual_seed(seed)
    return ((torch.randn(8, generator=g) * scale + shift) * NUDGE,)

def calls():
    return [arguments(328, 0.7, -0.33), arguments(2188, 0.2, 0.12)]

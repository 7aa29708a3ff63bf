# once wrong
# reference: call 2: arguments[0][0][0]: expected -0.24420813, got -0.48841625 (1 of 6 values differ)
import torch
from torch import nn

class Net(nn.Module):

    def forward(self, x):
        n3 = 0
        h4 = -x
        h2 = x if -0.5029 < h4.max() - h4.min() < 0.6692 else h4 * 0.3716
        h2[:1 + n3 % 5] *= 0.5

def build():
    torch.manual_seed(350)
    return Net().eval().requires_grad_(False)
NUDGE = 1.0

def arguments(seed, scale, shift):
    g = torch.Generator().manual_seed(seed)
    return ((torch.randn(6, generator=g) * scale + shift) * NUDGE,)

def calls():
    return [arguments(9544, 0.7, 0.58), arguments(456, 0.2, -0.19), arguments(5146, 0.2, -0.67), arguments(4871, 0.2, 0.02), arguments(5601, 1.5, 0.62)]

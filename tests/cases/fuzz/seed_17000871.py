# once wrong
# forced: outcome: expected a result, got IndexError('index 0.7411 is out of range') [forward.21.10]: the check gave a variation other random numbers
import torch
from torch import nn

class Net(nn.Module):

    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList((nn.Linear(8, 8) for _ in range(4)))

    def forward(self, x, y, u):
        h = x + torch.randn_like(x) * 0.2
        n1 = int(torch.norm(y) * 3.3)
        n2 = max(n1, 2)
        if y.argmax() == 3:
            pass
        elif y.argmax() == 1:
            if torch.rand(1).item() <= h[1 + n2 % 7:].sum() * 0.4:
                if (y[1 + n2 % 7:].sum() * 0.4).item() <= 0.2411:
                    pass
            else:
                hs8 = [y, torch.tanh(self.experts[int(torch.multinomial(torch.softmax(x[:3], 0), 1))](x))]

def build():
    torch.default_generator.manual_seed(905)
    return Net().eval().requires_grad_(False)
from torch.export import Dim
SHAPES = {'x': None, 'y': None, 'u': {0: Dim('n', min=1, max=16)}}
SEED = 7
NUDGE = 1.0

def arguments(seed, scale, shift, u):
    g = torch.Generator().manual_seed(seed)
    return ((torch.randn(8, generator=g) * scale + shift) * NUDGE, (torch.randn(8, generator=g) * scale + shift) * NUDGE, (torch.randn(u, generator=g) * scale + shift) * NUDGE)

def calls():
    return [arguments(7224, 1.5, -0.2, 8), arguments(5466, 0.7, -0.22, 1), arguments(2073, 0.2, -0.0, 5)]

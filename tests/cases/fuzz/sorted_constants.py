import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("bias", torch.linspace(-0.5, 0.6, 6))
    def forward(self, x):
        h = sorted([self.bias, self.bias * 0.7, self.bias - 0.3], key=lambda e: e.sum())[1] * 0.5
        if x.sum() > 0:
            return h
        return h * 2
def build():
    return Net().eval().requires_grad_(False)
def calls():
    return [(torch.ones(6),),(-torch.ones(6),)]

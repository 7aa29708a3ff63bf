"""Attention modules of PyTorch on the tokens that a mask keeps: none, one or many."""

import torch
from torch import nn


class Kept(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x):
        kept = x[:, x[0].sum(-1) > 0]
        y, _ = self.attention(kept, kept, kept, need_weights=False)
        y = self.layer(y)
        return y if y.sum() > 0 else -y


def get_model():
    torch.manual_seed(0)
    net = Kept()
    with torch.no_grad():
        net.layer.norm2.bias.normal_()
    return net.eval()


def example_inputs():
    return (torch.randn(1, 6, 8, generator=torch.Generator().manual_seed(0)),)


def more_inputs():
    g = torch.Generator().manual_seed(1)
    one = torch.cat([torch.ones(1, 1, 8), -torch.ones(1, 5, 8)], 1)
    return [(-torch.ones(1, 6, 8),), (one,), *((torch.randn(1, 6, 8, generator=g),) for _ in range(8))]

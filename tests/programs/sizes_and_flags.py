"""Sizes that data decides in constructors, comparisons and attention; a flag of a PyTorch call from
data."""

import torch
import torch.nn.functional as F
from torch import nn


class Attend(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    @torch.inference_mode()
    def forward(self, x, other):
        kept = x[x.sum(-1) > 0]
        if kept.shape[0] == 0:
            return x.mean(), 0
        n = kept.shape[0]
        q, k, v = self.qkv(kept).view(1, n, 6, 4).transpose(1, 2).chunk(3, dim=1)
        mask = torch.ones(n, n, dtype=torch.bool).tril()
        causal = bool((mask[-1] & (kept[0, 0] > 0)).all())
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        y = y.transpose(1, 2).contiguous().view(n, -1)
        if y.size() == other[other.sum(-1) > 0].size():
            y = y + 1
        return self.out(y).sum(0), n


def get_model():
    torch.manual_seed(0)
    return Attend().eval()


def example_inputs():
    return torch.ones(5, 8), torch.ones(5, 8)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    made = [(torch.randn(5, 8, generator=g), torch.randn(5, 8, generator=g)) for _ in range(10)]
    return [*made, (-torch.ones(5, 8), torch.ones(5, 8)), (torch.ones(5, 8), torch.ones(5, 8))]

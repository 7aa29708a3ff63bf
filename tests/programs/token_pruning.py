"""A vision transformer that drops tokens: sizes that the data decides flow through attention."""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)
        self.heads = heads

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(self.norm(x)).reshape(B, N, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        attn = (q @ k.transpose(-2, -1)) * (C // self.heads) ** -0.5
        attn = attn.softmax(dim=-1)
        x = x + self.proj((attn @ v).transpose(1, 2).reshape(B, N, C))
        return x, attn.mean(1)[:, 0, 1:]


class PrunedViT(nn.Module):
    def __init__(self, patches=9, dim=8, heads=2, depth=3, keep=0.09):
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim))
        self.pos = nn.Parameter(torch.randn(1, patches + 1, dim))
        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(depth)])
        self.head = nn.Linear(dim, 3)
        self.keep = keep

    def forward(self, tokens):
        x = torch.cat([self.cls_token.expand(tokens.shape[0], -1, -1), tokens], dim=1) + self.pos
        counts = []
        for block in self.blocks:
            x, importance = block(x)
            kept = importance[0] > self.keep
            if kept.all():
                continue
            if kept.sum() < 2:
                break
            x = torch.cat([x[:, :1], x[:, 1:][:, kept]], dim=1)
            counts.append(x.shape[1])
        return self.head(x[:, 0]), counts


def get_model():
    torch.manual_seed(3)
    return PrunedViT().eval()


def example_inputs():
    return (torch.zeros(1, 9, 8),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 9, 8, generator=g) * s,) for s in (0.2, 0.5, 1.0, 2.0, 3.0, 5.0)]

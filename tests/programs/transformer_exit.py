"""Library layers with an exit between them: nn.TransformerEncoderLayer, a causal mask, dropout off."""

import math

import torch
from torch import nn


class PositionalEncoding(nn.Module):
    def __init__(self, dim, max_len=16):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, dim, 2) * (-math.log(10000.0) / dim))
        pe = torch.zeros(1, max_len, dim)
        pe[0, :, 0::2] = torch.sin(position * div)
        pe[0, :, 1::2] = torch.cos(position * div)
        self.register_buffer("pe", pe, persistent=False)

    def forward(self, x):
        return x + self.pe[:, : x.size(1)]


class ExitTransformer(nn.Module):
    def __init__(self, vocab=10, dim=8, heads=2, layers=3, min_gap=0.25):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.position = PositionalEncoding(dim)
        self.layers = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(dim, heads, 16, dropout=0.1, batch_first=True)
                for _ in range(layers)
            ]
        )
        self.norm = nn.LayerNorm(dim)
        self.lm_head = nn.Linear(dim, vocab, bias=False)
        self.min_gap = min_gap

    def forward(self, tokens):
        x = self.position(self.embed(tokens) * math.sqrt(self.embed.embedding_dim))
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.size(1), device=tokens.device)
        for depth, layer in enumerate(self.layers, start=1):  # noqa: B007
            x = layer(x, src_mask=mask)
            logits = self.lm_head(self.norm(x[:, -1]))
            first, second = logits.topk(2, dim=-1).values.unbind(-1)
            if (first - second).min() > self.min_gap:
                break
        return logits, depth


def get_model():
    torch.manual_seed(0)
    return ExitTransformer().eval()


def example_inputs():
    return (torch.tensor([[1, 2, 3, 4]]),)


def more_inputs():
    return [(torch.tensor([[a, (2 * a) % 10, 9 - a, (a * a) % 10]]),) for a in range(10)]

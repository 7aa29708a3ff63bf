"""Walrus in `while` and in comprehensions, augmented assignment of attributes and items, `del`, `in`."""

import torch
from torch import nn


class Sampler(nn.Module):
    def __init__(self, vocab=7, dim=6):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.out = nn.Linear(dim, vocab)
        self.stop_tokens = (0, 3)

    def next(self, h):
        return int(self.out(h).argmax())

    def forward(self, h):
        emitted = []
        counts = {"even": 0, "odd": 0}
        while (token := self.next(h)) not in self.stop_tokens and len(emitted) < 8:
            emitted.append(token)
            key = "odd" if token % 2 else "even"
            counts[key] += 1
            h = torch.tanh(h * 0.5 + self.emb(torch.tensor(token)))
        del h
        small = [s for t in emitted if (s := t * 2) < 9]
        return emitted, small, counts, token


def get_model():
    torch.manual_seed(21)
    net = Sampler()
    with torch.no_grad():
        net.out.weight.mul_(3)
    return net.eval()


def example_inputs():
    return (torch.zeros(6),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(6, generator=g),) for _ in range(12)]

"""Beam search over tensors: back-pointers, `gather`, and a loop that ends when every beam has ended."""

import torch
from torch import nn


class TensorBeam(nn.Module):
    def __init__(self, vocab=7, hidden=8, beam=3, max_len=9, eos=0):
        super().__init__()
        self.embed = nn.Embedding(vocab, hidden)
        self.cell = nn.GRUCell(hidden, hidden)
        self.out = nn.Linear(hidden, vocab)
        self.vocab, self.beam, self.max_len, self.eos = vocab, beam, max_len, eos

    def forward(self, h):
        h = h.expand(self.beam, -1)
        tokens = torch.ones(self.beam, 1, dtype=torch.long)
        scores = torch.tensor([0.0] + [-1e9] * (self.beam - 1))
        done = torch.zeros(self.beam, dtype=torch.bool)
        step = 0
        while step < self.max_len and not done.all():
            h_new = self.cell(self.embed(tokens[:, -1]), h)
            logp = self.out(h_new).log_softmax(-1)
            frozen = torch.full_like(logp, -1e9)
            frozen[:, self.eos] = 0
            logp = torch.where(done[:, None], frozen, logp)
            scores, flat = (scores[:, None] + logp).view(-1).topk(self.beam)
            parent = torch.div(flat, self.vocab, rounding_mode="floor")
            token = flat % self.vocab
            tokens = torch.cat([tokens[parent], token[:, None]], dim=1)
            h = torch.where(done[parent][:, None], h[parent], h_new[parent])
            done = done[parent] | (token == self.eos)
            step += 1
        return tokens[0], scores, step


def get_model():
    torch.manual_seed(4)
    net = TensorBeam()
    with torch.no_grad():
        net.out.weight.mul_(4)
        net.out.bias[0] += 2
    return net.eval()


def example_inputs():
    return (torch.zeros(1, 8),)


def more_inputs():
    g = torch.Generator().manual_seed(1)
    return [(torch.randn(1, 8, generator=g) * 2,) for _ in range(10)]

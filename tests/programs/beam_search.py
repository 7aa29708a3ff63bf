"""Beam search with finished hypotheses, in the usual list-of-tuples style."""

import torch
import torch.nn.functional as F
from torch import nn


class Decoder(nn.Module):
    def __init__(self, vocab=9, hidden=8):
        super().__init__()
        self.embed = nn.Embedding(vocab, hidden)
        self.cell = nn.GRUCell(hidden, hidden)
        self.out = nn.Linear(hidden, vocab)

    def forward(self, token, h):
        h = self.cell(self.embed(token), h)
        return F.log_softmax(self.out(h), dim=-1), h


class BeamSearch(nn.Module):
    def __init__(self, beam=3, max_len=8, bos=1, eos=0):
        super().__init__()
        self.decoder = Decoder()
        self.beam, self.max_len, self.bos, self.eos = beam, max_len, bos, eos

    def forward(self, context):
        beams = [([self.bos], 0.0, context)]
        finished = []
        for _ in range(self.max_len):
            candidates = []
            for tokens, score, h in beams:
                logp, h2 = self.decoder(torch.tensor([tokens[-1]]), h)
                values, indices = logp[0].topk(self.beam)
                for value, index in zip(values.tolist(), indices.tolist(), strict=True):
                    candidates.append(([*tokens, index], score + value, h2))
            candidates.sort(key=lambda c: c[1], reverse=True)
            beams = []
            for tokens, score, h in candidates[: self.beam]:
                if tokens[-1] == self.eos:
                    finished.append((tokens, score / len(tokens)))
                else:
                    beams.append((tokens, score, h))
            if not beams or len(finished) >= self.beam:
                break
        if not finished:
            finished = [(tokens, score / len(tokens)) for tokens, score, _ in beams]
        best, score = max(finished, key=lambda f: f[1])
        return torch.tensor(best), score


def get_model():
    torch.manual_seed(2)
    net = BeamSearch()
    with torch.no_grad():
        net.decoder.out.weight.mul_(4)
    return net.eval()


def example_inputs():
    return (torch.zeros(1, 8),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 8, generator=g) * 2,) for _ in range(8)]

"""Lists of named tuples of run-time length: hypotheses that are grown, sorted, cut and searched."""

from typing import NamedTuple

import torch
from torch import nn


class Hypothesis(NamedTuple):
    score: float
    tokens: list
    state: torch.Tensor
    parent: None


class Search(nn.Module):
    def __init__(self, dim=4, vocab=3, width=2):
        super().__init__()
        self.step = nn.Linear(dim, dim)
        self.read = nn.Linear(dim, vocab)
        self.width = width

    def forward(self, x, limit):
        frontier = [Hypothesis(0.0, [0], x, None)]
        done = []
        turns = 0
        while frontier and turns < limit:
            turns += 1
            grown = []
            for score, tokens, state, _ in frontier:
                state = torch.tanh(self.step(state))
                for token, gain in enumerate(self.read(state).tolist()):
                    if gain > -0.2:
                        grown.append(Hypothesis(score + gain, [*tokens, token], state, None))
            grown.sort(key=lambda h: h.score, reverse=True)
            frontier = []
            for hypothesis in grown[: self.width]:
                if hypothesis.tokens[-1] == 2:
                    done.append((hypothesis.score / len(hypothesis.tokens), hypothesis.tokens))
                else:
                    frontier.append(hypothesis)
        if not done:
            return x.sum(), 0, torch.zeros(0, dtype=torch.long)
        best, tokens = max(done, key=lambda pair: pair[0])
        return best, len(done), torch.tensor(tokens)


def get_model():
    torch.manual_seed(5)
    return Search().eval()


def example_inputs():
    return torch.ones(4), 5


def more_inputs():
    g = torch.Generator().manual_seed(3)
    return [(torch.randn(4, generator=g) * (0.3 + k), 2 + k) for k in range(6)]

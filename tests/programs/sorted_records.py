"""Records sorted by numbers read from tensors: tuples, dicts, objects; one that something else refers
to."""

import torch
from torch import nn


class Candidate:
    def __init__(self, name, score, value, path):
        self.name, self.score, self.value, self.path = name, score, value, path

    @property
    def rank(self):
        return self.score / len(self.path)


class Ranking(nn.Module):
    def __init__(self, dim=4, count=5):
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(dim, dim) for _ in range(count)])

    def forward(self, x):
        pool, rows, dicts = [], [], []
        for i, head in enumerate(self.heads):
            y = head(x)
            score = y.sum().item()
            path = [i] * (1 + i % 2)
            pool.append(Candidate("even" if i % 2 == 0 else "odd", score, y, path))
            rows.append((score, i, y * 2))
            dicts.append({"score": score, "tags": [i, i + 1]})
        favourite = pool[2]  # a second way to one of the objects
        ranked = sorted(pool, key=lambda c: c.rank, reverse=True)
        favourite.score = 100.0
        total = sum(c.score for c in ranked)
        if ranked[-1].score < -1:
            total = -total
        rows.sort(key=lambda row: -row[0])
        worst = min(dicts, key=lambda d: d["score"])
        best = max(rows, key=lambda row: row[0])
        worst["tags"].append(9)
        return ranked[0].name, ranked[0].path, ranked[1].value, total, rows[1][1:], worst["tags"], best[1]


def get_model():
    torch.manual_seed(0)
    return Ranking().eval()


def example_inputs():
    return (torch.ones(1, 4),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 4, generator=g) * 2,) for _ in range(10)]

"""Breadth-first message passing with an explicit queue, a visited mask and `while queue`."""

import torch
from torch import nn


class Walker(nn.Module):
    def __init__(self, nodes=5, dim=3):
        super().__init__()
        self.update = nn.Linear(dim, dim)
        self.nodes = nodes

    def forward(self, features, adjacency, start):
        queue = [int(start)]
        visited = torch.zeros(self.nodes, dtype=torch.bool)
        visited[queue[0]] = True
        order = []
        features = features.clone()
        while queue:
            node = queue.pop(0)
            order.append(node)
            message = torch.tanh(self.update(features[node]))
            for other in range(self.nodes):
                if adjacency[node, other] > 0 and not visited[other]:
                    visited[other] = True
                    features[other] += message
                    queue.append(other)
        return features, torch.tensor(order), visited


def get_model():
    torch.manual_seed(0)
    return Walker().eval()


def _graph(*edges):
    a = torch.zeros(5, 5)
    for i, j in edges:
        a[i, j] = a[j, i] = 1
    return a


def example_inputs():
    return torch.ones(5, 3), _graph((0, 1), (1, 2)), torch.tensor(0)


def more_inputs():
    x = torch.linspace(-1, 1, 15).reshape(5, 3)
    chain = _graph((0, 1), (1, 2), (2, 3), (3, 4))
    star = _graph((2, 0), (2, 1), (2, 3), (2, 4))
    pairs = _graph((0, 4), (1, 3))
    return [(x, a, torch.tensor(s)) for a in (chain, star, pairs) for s in (0, 2, 3)]

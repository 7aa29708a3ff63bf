"""Recursion with a static bound: a neural decision tree that routes each sample to one leaf."""

import torch
from torch import nn


class TreeNode(nn.Module):
    def __init__(self, dim, depth):
        super().__init__()
        self.depth = depth
        self.split = nn.Linear(dim, 1)
        self.transform = nn.Linear(dim, dim)
        if depth > 0:
            self.left = TreeNode(dim, depth - 1)
            self.right = TreeNode(dim, depth - 1)

    def forward(self, x):
        x = torch.tanh(self.transform(x))
        if self.depth == 0:
            return x
        return self.left(x) if self.split(x).squeeze() < 0 else self.right(x)


class NeuralTree(nn.Module):
    def __init__(self, dim=5, depth=3, classes=3):
        super().__init__()
        self.root = TreeNode(dim, depth)
        self.out = nn.Linear(dim, classes)

    def power(self, x, n):
        if n == 0:
            return torch.ones_like(x)
        half = self.power(x, n // 2)
        return half * half * (x if n % 2 else 1)

    def forward(self, x):
        return self.out(self.power(self.root(x), 3))


def get_model():
    torch.manual_seed(7)
    net = NeuralTree()
    with torch.no_grad():
        for name, p in net.root.named_parameters():
            if "transform" in name:
                p.mul_(3)
    return net.eval()


def example_inputs():
    return (torch.zeros(1, 5),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 5, generator=g) * 6,) for _ in range(16)]

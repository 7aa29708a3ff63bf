"""`while` on a counter and a tensor; both leave the loop and are returned."""

import torch
from torch import nn


class PowerIteration(nn.Module):
    def __init__(self, n=5, max_iter=40, eps=1e-3):
        super().__init__()
        self.start = nn.Parameter(torch.arange(1.0, n + 1) / (n * (n + 1) * (2 * n + 1) / 6) ** 0.5)
        self.max_iter = max_iter
        self.eps = eps

    def forward(self, a):
        v = self.start
        n_iter = 0
        delta = torch.tensor(float("inf"))
        while n_iter < self.max_iter and delta > self.eps:
            w = a @ v
            w = w / w.norm()
            delta = (w - v).abs().max()
            v = w
            n_iter += 1
        converged = n_iter < self.max_iter
        if not converged:
            return v, n_iter, converged, None
        eig = v @ a @ v
        return v, n_iter, converged, eig


def get_model():
    return PowerIteration()


def _matrix(gap):
    g = torch.Generator().manual_seed(5)
    q, _ = torch.linalg.qr(torch.randn(5, 5, generator=g))
    return q @ torch.diag(torch.tensor([1.0, gap, 0.3, 0.2, 0.1])) @ q.t()


def example_inputs():
    return (_matrix(0.5),)


def more_inputs():
    return [(_matrix(gap),) for gap in (0.1, 0.4, 0.6, 0.9, 0.999)]

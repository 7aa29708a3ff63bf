"""Adaptive computation time (Graves, 2016): a batch that halts sample by sample."""

import torch
from torch import nn


class ACT(nn.Module):
    def __init__(self, dim=4, hidden=6, max_ponder=10, epsilon=0.05):
        super().__init__()
        self.cell = nn.GRUCell(dim + 1, hidden)
        self.halt = nn.Linear(hidden, 1)
        self.max_ponder = max_ponder
        self.epsilon = epsilon

    def forward(self, x):
        batch = x.size(0)
        h = x.new_zeros(batch, self.cell.hidden_size)
        accum_p = x.new_zeros(batch)
        accum_h = torch.zeros_like(h)
        ponder = x.new_zeros(batch)
        selector = torch.ones(batch, dtype=torch.bool)
        flag = x.new_ones(batch, 1)
        for n in range(self.max_ponder):  # noqa: B007
            h = self.cell(torch.cat([x, flag], 1), h)
            flag = torch.zeros_like(flag)
            p = torch.sigmoid(self.halt(h)).squeeze(1)
            p = p * selector
            final = selector & ((accum_p + p) > 1 - self.epsilon)
            p = torch.where(final, 1 - accum_p, p)
            accum_p = accum_p + p
            accum_h = accum_h + p.unsqueeze(1) * h
            ponder = ponder + selector
            selector = selector & ~final
            if not selector.any():
                break
        return accum_h, ponder, n + 1


def get_model():
    torch.manual_seed(0)
    net = ACT()
    with torch.no_grad():
        net.halt.weight.mul_(4)
        net.halt.bias.fill_(-1.0)
    return net.eval()


def example_inputs():
    return (torch.ones(2, 4),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(2, 4, generator=g) * 2,) for _ in range(10)]

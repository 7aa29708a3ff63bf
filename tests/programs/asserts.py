"""`assert` on tensors, with and without a message."""

import torch
from torch import nn


class Simplex(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(3, 3)

    def forward(self, p):
        assert p.dim() == 2, "static: fine"
        assert torch.isfinite(p).all(), "input has nan or inf"
        assert (p >= 0).all()
        assert torch.allclose(p.sum(-1), torch.ones(p.shape[0]), atol=1e-4), (
            f"rows of a {p.shape[0]}x{p.shape[1]} input must sum to one"
        )
        y = self.net(p).softmax(-1)
        if y[0, 0] > y[0, 1]:
            return y.flip(-1)
        return y


def get_model():
    torch.manual_seed(0)
    return Simplex().eval()


def example_inputs():
    return (torch.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]),)


def more_inputs():
    return [
        (torch.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]),),
        (torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),),
        (torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),),
        (torch.tensor([[0.2, 0.3, float("inf")], [1.0, 0.0, 0.0]]),),
        (torch.tensor([[0.8, -0.3, 0.5], [1.0, 0.0, 0.0]]),),
        (torch.tensor([[0.8, 0.3, 0.5], [1.0, 0.0, 0.0]]),),
    ]

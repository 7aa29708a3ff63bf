"""A recurrent network over padded sequences whose lengths are tensors."""

import torch
from torch import nn


class LengthAware(nn.Module):
    def __init__(self, dim=3, hidden=4):
        super().__init__()
        self.cell = nn.LSTMCell(dim, hidden)
        self.head = nn.Linear(hidden, 2)

    def forward(self, x, lengths):
        batch, time, _ = x.shape
        h = x.new_zeros(batch, self.cell.hidden_size)
        c = h.clone()
        longest = int(lengths.max().item())
        outputs = []
        for t in range(min(longest, time)):
            h_t, c_t = self.cell(x[:, t], (h, c))
            alive = (t < lengths).unsqueeze(1)
            h = torch.where(alive, h_t, h)
            c = torch.where(alive, c_t, c)
            outputs.append(h)
        if not outputs:
            return self.head(h), None
        return self.head(h), torch.stack(outputs, 1)


def get_model():
    torch.manual_seed(0)
    return LengthAware().eval()


def example_inputs():
    return torch.ones(2, 6, 3), torch.tensor([3, 5])


def more_inputs():
    g = torch.Generator().manual_seed(0)
    lengths = ([0, 0], [1, 1], [2, 6], [6, 1], [4, 3], [9, 2])
    return [(torch.randn(2, 6, 3, generator=g), torch.tensor(n)) for n in lengths]

"""`torch.equal`, `torch.any`, `torch.all`, `torch.allclose`, `torch.is_nonzero` as conditions."""

import torch
from torch import nn


class Settle(nn.Module):
    """A cellular automaton that runs until nothing changes or it blinks."""

    def __init__(self, limit=12):
        super().__init__()
        self.register_buffer("kernel", torch.ones(1, 1, 3, 3))
        self.limit = limit

    def evolve(self, board):
        n = nn.functional.conv2d(board, self.kernel, padding=1) - board
        return ((n == 3) | ((board == 1) & (n == 2))).float()

    def forward(self, board):
        before = torch.zeros_like(board)
        for generation in range(self.limit):
            after = self.evolve(board)
            if torch.equal(after, board):
                return board, generation, "still"
            if torch.equal(after, before):
                return board, generation, "blinks"
            if not torch.any(after):
                return after, generation, "died"
            if torch.all(after.sum((2, 3)) > 9) or torch.is_nonzero(after[0, 0, 0, 0]):
                return after, generation, "grew"
            before, board = board, after
        if torch.allclose(board, before, atol=0.5):
            return board, self.limit, "close"
        return board, self.limit, "going"


def get_model():
    return Settle()


def _board(*cells):
    b = torch.zeros(1, 1, 8, 8)
    for r, c in cells:
        b[0, 0, r, c] = 1
    return (b,)


def example_inputs():
    return _board((1, 1))


def more_inputs():
    return [
        _board((1, 1)),
        _board((3, 3), (3, 4), (4, 3), (4, 4)),
        _board((3, 2), (3, 3), (3, 4)),
        _board((3, 2), (3, 3), (3, 4), (2, 3)),
        _board((1, 2), (2, 3), (3, 1), (3, 2), (3, 3)),
        _board((0, 0), (0, 1), (1, 0)),
    ]

"""A shift-reduce Tree-RNN with a stack and a buffer (SPINN, Bowman et al., 2016)."""

import torch
from torch import nn

SHIFT, REDUCE = 0, 1


class Reduce(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.left = nn.Linear(size, 3 * size)
        self.right = nn.Linear(size, 3 * size, bias=False)

    def forward(self, left, right):
        i, f, g = torch.chunk(self.left(left) + self.right(right), 3, dim=-1)
        return i.sigmoid() * left + f.sigmoid() * right + g.tanh()


class SPINN(nn.Module):
    def __init__(self, vocab=12, size=6, classes=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, size)
        self.reduce = Reduce(size)
        self.classifier = nn.Linear(size, classes)

    def forward(self, tokens, transitions):
        buffer = list(torch.unbind(self.embed(tokens), 0))
        stack = []
        for t in transitions.tolist():
            if t == SHIFT:
                stack.append(buffer.pop(0))
            elif t == REDUCE:
                right = stack.pop()
                left = stack.pop()
                stack.append(self.reduce(left, right))
        return self.classifier(stack.pop())


def get_model():
    torch.manual_seed(0)
    return SPINN().eval()


def example_inputs():
    return torch.tensor([1, 2, 3]), torch.tensor([0, 0, 1, 0, 1])


def more_inputs():
    tokens = torch.tensor([4, 5, 6])
    return [
        (tokens, torch.tensor([0, 0, 1, 0, 1])),
        (tokens, torch.tensor([0, 0, 0, 1, 1])),
        (tokens.flip(0), torch.tensor([0, 0, 1, 0, 1])),
        (tokens, torch.tensor([0, 0, 1, 2, 2])),
        (tokens, torch.tensor([0, 2, 2, 2, 2])),
    ]

"""A Neural-Turing-like stack controller: push, pop or no-op chosen by the network at every step."""

import torch
from torch import nn


class StackMachine(nn.Module):
    def __init__(self, vocab=6, dim=5):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.controller = nn.GRUCell(2 * dim, dim)
        self.action = nn.Linear(dim, 3)
        self.out = nn.Linear(dim, 2)
        self.empty = nn.Parameter(torch.zeros(1, dim))

    def forward(self, tokens):
        h = self.empty
        stack = []
        depth = 0
        for i in range(tokens.size(0)):
            top = stack[-1] if stack else self.empty
            x = torch.cat([self.embed(tokens[i : i + 1]), top], dim=1)
            h = self.controller(x, h)
            action = self.action(h).argmax().item()
            if action == 0:
                stack.append(h)
                depth = max(depth, len(stack))
            elif action == 1 and len(stack) > 0:
                h = h + stack.pop()
        rest = torch.stack(stack).sum(0) if stack else torch.zeros_like(h)
        return self.out(h + rest), depth, len(stack)


def get_model():
    torch.manual_seed(9)
    net = StackMachine()
    with torch.no_grad():
        net.action.weight.mul_(3)
    return net.eval()


def example_inputs():
    return (torch.tensor([0, 1, 2, 3, 4]),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randint(0, 6, (5,), generator=g),) for _ in range(10)]

"""Lists of run-time length as stacks and queues: pop(i), insert, slices, reverse, sort, index, del, +."""

import torch
from torch import nn


class Agenda(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.step = nn.Linear(dim, dim)

    def forward(self, x, limit):
        queue = [1]
        log = []
        while queue and len(log) < limit:
            node = queue.pop(0)
            x = torch.tanh(self.step(x)) + 0.1 * node
            log.append(node)
            if x.sum() > 0:
                queue.append(node + 1)
            if x.mean() < 0.4:
                queue.insert(0, node * 2)
            if len(queue) > 4:
                del queue[1]
        recent = log[-3:]
        recent.reverse()
        ranked = list(log)
        ranked.sort(reverse=True)
        if 2 in log:
            where = log.index(2)
            log.remove(2)
        else:
            where = -1
        both = recent + ranked
        return x, both, where, log.count(1), log[::2]


class History(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.step = nn.Linear(dim, dim)

    def forward(self, x, limit):
        states, turns = [], 0
        while x.abs().max() > 0.3 and turns < limit:
            turns += 1
            x = torch.tanh(self.step(x))
            states.append(x)
            if len(states) > 3:
                states.pop(0)
        if len(states) > 1:
            first = states.pop(-2)
            states.insert(0, first * 2)
            return torch.stack(states[1:]), len(states)
        return x, len(states)


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.agenda = Agenda()
        self.history = History()

    def forward(self, x, limit):
        return self.agenda(x, limit), self.history(x, limit)


def get_model():
    torch.manual_seed(4)
    return Both().eval()


def example_inputs():
    return torch.ones(4), 6


def more_inputs():
    g = torch.Generator().manual_seed(1)
    return [(torch.randn(4, generator=g) * (0.5 + k), 1 + k) for k in range(8)]

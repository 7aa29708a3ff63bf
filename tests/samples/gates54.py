"""A chain of 54 gated blocks: plain, and with a counter, a growing list, a string tag.

Every gate may let its block run or not, so there are 2**54 paths; what the gates change (a count, a
list, a tag) must not make the program grow with them.
"""

import torch
from torch import nn

GATES = 54
DIM = 4


class GatedBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gate = nn.Linear(dim, 1)
        self.body = nn.Linear(dim, dim)

    def wants(self, x):
        return self.gate(x).sum() > 0

    def forward(self, x):
        return x + 0.5 * torch.tanh(self.body(x))


class Chain(nn.Module):
    """Plain: nothing but the tensor goes on."""

    def __init__(self, gates=GATES, dim=DIM):
        super().__init__()
        self.blocks = nn.ModuleList([GatedBlock(dim) for _ in range(gates)])

    def forward(self, x):
        for block in self.blocks:
            if block.wants(x):
                x = block(x)
        return x


class CountingChain(Chain):
    def forward(self, x):
        used = 0
        for block in self.blocks:
            if block.wants(x):
                x = block(x)
                used += 1
        return x, used


class ListingChain(Chain):
    def forward(self, x):
        used = []
        for i, block in enumerate(self.blocks):
            if block.wants(x):
                x = block(x)
                used.append(i)
        return x, used


class TaggedChain(Chain):
    def forward(self, x):
        tag = "none"
        for i, block in enumerate(self.blocks):
            if block.wants(x):
                x = block(x)
                tag = "even" if i % 2 == 0 else "odd"
        return x, tag


class TagReadingChain(Chain):
    """What the tag says decides, too."""

    def forward(self, x):
        tag = "none"
        for i, block in enumerate(self.blocks):
            if block.wants(x):
                x = block(x)
                tag = "even" if i % 2 == 0 else "odd"
            elif tag == "odd":
                x = -x
        return x, tag


class FullChain(Chain):
    """A counter, a list and a tag at once."""

    def forward(self, x):
        used, names, tag = 0, [], "none"
        for i, block in enumerate(self.blocks):
            if block.wants(x):
                x = block(x)
                used += 1
                names.append(i)
                tag = "even" if i % 2 == 0 else "odd"
        return x, used, names, tag


CHAINS = {
    "plain": Chain,
    "counter": CountingChain,
    "list": ListingChain,
    "tag": TaggedChain,
    "tag that decides": TagReadingChain,
    "all": FullChain,
}


def get_model(kind="plain"):
    torch.manual_seed(0)
    return CHAINS[kind]().eval()


def example_inputs():
    return (torch.ones(1, DIM),)


def evaluation_inputs(n=100):
    """``n`` argument tuples, always the same."""
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(1, DIM, generator=generator),) for _ in range(n)]

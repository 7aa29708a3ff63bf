"""BlockDrop-like: a policy network decides every block before the first runs."""

import torch
from torch import nn


class Policy(nn.Module):
    def __init__(self, dim, blocks):
        super().__init__()
        self.fc = nn.Linear(dim, blocks)

    def forward(self, x):
        probs = torch.sigmoid(self.fc(x))
        policy = probs.clone()
        policy[policy < 0.5] = 0.0
        policy[policy >= 0.5] = 1.0
        return policy, probs


class Net(nn.Module):
    def __init__(self, dim=6, layout=(2, 3)):
        super().__init__()
        self.policy = Policy(dim, sum(layout))
        self.groups = nn.ModuleList(
            [nn.ModuleList([nn.Linear(dim, dim) for _ in range(n)]) for n in layout]
        )
        self.layer_config = layout
        self.head = nn.Linear(dim, 2)

    def forward(self, x):
        policy, _ = self.policy(x)
        t = 0
        for segment, num_blocks in enumerate(self.layer_config):
            for b in range(num_blocks):
                residual = x
                if policy[0, t] == 1:
                    x = torch.relu(residual + self.groups[segment][b](x))
                t += 1
        return self.head(x), policy.sum().item()


def get_model():
    torch.manual_seed(5)
    return Net().eval()


def example_inputs():
    return (torch.ones(1, 6),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 6, generator=g) * 2,) for _ in range(12)]

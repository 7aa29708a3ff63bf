"""Dataclasses in and out, with optional fields and a method that decides."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn


@dataclass
class Beliefs:
    mean: torch.Tensor
    var: torch.Tensor
    note: str = "prior"

    def certain(self) -> bool:
        return bool(self.var.max() < 0.5)


@dataclass
class Answer:
    belief: Beliefs
    action: int | None = None
    trace: list[torch.Tensor] = field(default_factory=list)


class Filter(nn.Module):
    def __init__(self, dim=3):
        super().__init__()
        self.obs = nn.Linear(dim, dim)
        self.policy = nn.Linear(dim, 4)

    def forward(self, belief: Beliefs, x: torch.Tensor) -> Answer:
        answer = Answer(belief)
        for _ in range(3):
            if answer.belief.certain():
                break
            gain = belief.var / (belief.var + 0.5)
            mean = belief.mean + gain * (self.obs(x) - belief.mean)
            belief = Beliefs(mean, (1 - gain) * belief.var, note="posterior")
            answer.trace.append(mean)
            answer.belief = belief
        if belief.mean.norm() > 0.8:
            answer.action = int(self.policy(belief.mean).argmax())
        return answer


def get_model():
    torch.manual_seed(0)
    return Filter().eval()


def example_inputs():
    return Beliefs(torch.zeros(3), torch.ones(3)), torch.ones(3)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [
        (Beliefs(torch.randn(3, generator=g), torch.full((3,), v)), torch.ones(3) * v)
        for v in (0.1, 0.6, 2.0, 40.0)
    ]

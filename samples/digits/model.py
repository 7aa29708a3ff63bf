"""A small CNN with internal classifiers: it stops at the first one that is confident enough."""

import torch
from torch import nn
from torch.nn import functional as F

THRESHOLD = 0.9


class Stage(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, pool: bool) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.MaxPool2d(2) if pool else nn.Identity(),
        )


class Head(nn.Sequential):
    def __init__(self, inputs: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * inputs, 10))


class DigitNet(nn.Module):
    """One scan [1, 1, 8, 8] -> its logits [1, 10] and the number of the exit it took."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 64)) -> None:
        super().__init__()
        inputs = (1, *widths[:-1])
        self.stages = nn.ModuleList(
            Stage(i, o, pool=n in (0, 2)) for n, (i, o) in enumerate(zip(inputs, widths))
        )
        self.heads = nn.ModuleList(Head(width) for width in widths)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        logits = x
        for number, (stage, head) in enumerate(zip(self.stages, self.heads)):
            x = stage(x)
            logits = head(x)
            if F.softmax(logits, dim=1).max() > THRESHOLD:
                return logits, number
        return logits, len(self.heads) - 1

    def all_exits(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The logits of every exit, for training. x: [batch, 1, 8, 8]."""
        logits = []
        for stage, head in zip(self.stages, self.heads):
            x = stage(x)
            logits.append(head(x))
        return logits


def example_inputs() -> tuple[torch.Tensor]:
    return (torch.zeros(1, 1, 8, 8),)

"""Parameters whose defaults are containers: taken as they are, and one that grows over the calls."""

import torch
from torch import nn


class Scaled(nn.Module):
    def forward(self, x, sizes=(1, 2), options={"bias": 0.5}, seen=[]):  # noqa: B006
        y = x * sizes[0] + options["bias"]
        if len(seen) < 2:
            seen.append(x.sum())
        return (y if x.sum() > 0 else y * sizes[1]), len(seen), seen[0]


def get_model():
    Scaled.forward.__defaults__[2].clear()
    return Scaled()


STATEFUL = True


def example_inputs():
    return (torch.ones(3),)


def more_inputs():
    return [(torch.ones(3) * k,) for k in (-1, 1, 2, -2)]

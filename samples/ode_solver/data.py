"""The evaluation inputs: random starts and ends."""

import torch


def evaluation_inputs(n=100):
    """``n`` argument tuples, always the same."""
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(1, 2, generator=generator) * 2, torch.tensor(0.2 + 0.05 * (i % 40))) for i in range(n)
    ]


def path_name(output):
    """What the README calls the path that gave ``output``."""
    return f"{output[1]} steps"

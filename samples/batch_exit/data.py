"""The evaluation inputs: random batches."""

import torch


def evaluation_inputs(n=100):
    """``n`` argument tuples, always the same."""
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(4, 3, 32, 32, generator=generator) * (1 + i % 3),) for i in range(n)]


def path_name(output):
    """What the README calls the path that gave ``output``."""
    return f"exits {sorted(output[1].tolist())}"

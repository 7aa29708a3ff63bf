"""The evaluation inputs: noise, and the class that is wanted."""

import torch


def evaluation_inputs(n=100):
    """``n`` argument tuples, always the same."""
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(1, 2, generator=generator), torch.tensor([i % 4])) for i in range(n)]


def path_name(output):
    """What the README calls the path that gave ``output``."""
    return f"{output[2]} evaluations"

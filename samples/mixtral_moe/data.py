"""The evaluation inputs: random tokens."""

import torch


def evaluation_inputs(n=100):
    """``n`` argument tuples, always the same."""
    generator = torch.Generator().manual_seed(1)
    return [(torch.randint(0, 80, (1, 5), generator=generator),) for _ in range(n)]


def path_name(output):
    """What the README calls the path that gave ``output``."""
    return f"experts {[len(set(r.topk(2).indices.flatten().tolist())) for r in output[1]]} of 6"

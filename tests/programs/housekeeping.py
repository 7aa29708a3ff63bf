"""What code in the wild is full of: logging, prints, debug flags, caches, isinstance, dtypes, devices."""

import functools
import logging
import warnings

import torch
from torch import nn

logger = logging.getLogger(__name__)


@functools.lru_cache(maxsize=8)
def window(size):
    return torch.hann_window(size, periodic=False)


def as_list(x):
    return x if isinstance(x, (list, tuple)) else [x]


class Pyramid(nn.Module):
    def __init__(self, dim=4, debug=False, verbose=0):
        super().__init__()
        self.convs = nn.ModuleList([nn.Linear(dim, dim) for _ in range(3)])
        self.debug = debug
        self.verbose = verbose
        self.calls: dict[str, int] = {}

    def forward(self, features, scale=None):
        features = as_list(features)
        assert len(features) == len(self.convs), f"{len(features)} levels, not {len(self.convs)}"
        if self.debug:
            print("levels", [tuple(f.shape) for f in features])
        if not torch.is_tensor(features[0]):
            raise TypeError(type(features[0]))
        outs = []
        carry = torch.zeros_like(features[-1])
        for conv, f in zip(self.convs, features, strict=True):
            y = conv(f) * window(f.shape[-1]).to(f) + carry
            peak = y.abs().max()
            if peak > torch.finfo(y.dtype).eps and peak < 0.9:
                logger.debug("level %s is weak", f.shape)
                y = y * 2
            elif self.verbose > 1:
                warnings.warn("strong level", stacklevel=2)
            carry = torch.full(f.shape, 0.1, dtype=f.dtype, device=f.device) if peak > 1.5 else y
            outs.append(y)
        if scale is not None and isinstance(scale, float):
            outs = [o * scale for o in outs]
        if torch.jit.is_scripting() or torch.jit.is_tracing():
            outs = outs[:1]
        return tuple(outs)


def get_model():
    torch.manual_seed(0)
    return Pyramid().eval()


def example_inputs():
    return ([torch.ones(1, 4), torch.ones(1, 4), torch.ones(1, 4)], 0.5)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [
        ([torch.randn(1, 4, generator=g) * (1 + k % 4) for k in range(i, i + 3)], 0.5) for i in range(8)
    ]

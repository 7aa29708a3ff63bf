"""scikit-learn's digits (real 8x8 scans) as the 32x32 colour images that the classifiers take."""

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F

TRAINING = 1400
"""The first ones are for training and calibration; the rest are held out."""


@cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """All images (1797, 1, 8, 8) in [0, 1] and their labels, in a seeded order."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    images = torch.from_numpy(data.images[order].astype("float32") / 16)
    return images[:, None], torch.from_numpy(data.target[order])


def as_photos(images: torch.Tensor, noise: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(N, 1, 8, 8) in [0, 1] → (N, 3, 32, 32), about standardized; ``noise`` (N,) is how dirty each is."""
    large = F.interpolate(images, size=(32, 32), mode="bilinear", align_corners=False)
    large = large.expand(-1, 3, -1, -1) - torch.tensor([0.28, 0.30, 0.32]).view(1, 3, 1, 1)
    return large / 0.35 + noise.view(-1, 1, 1, 1) * torch.randn(large.shape, generator=generator)


def training_batch(size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A random batch of training images, each with its own amount of noise and a small shift."""
    images, labels = digits()
    index = torch.randint(0, TRAINING, (size,), generator=generator)
    shift = torch.randint(-1, 2, (2,), generator=generator).tolist()
    noise = 2.0 * torch.rand(size, generator=generator)
    return as_photos(images[index].roll(shift, (2, 3)), noise, generator), labels[index]


def held_out(n: int = 100) -> tuple[torch.Tensor, torch.Tensor]:
    """``n`` held-out images (n, 3, 32, 32), from clean to very noisy, and their labels. Always the same."""
    images, labels = digits()
    generator = torch.Generator().manual_seed(1)
    index = TRAINING + torch.randperm(len(labels) - TRAINING, generator=generator)[:n]
    noise = torch.linspace(0, 2, n)[torch.randperm(n, generator=generator)]
    return as_photos(images[index], noise, generator), labels[index]

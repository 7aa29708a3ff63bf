"""The network of this folder, as numbers: the same residual network in the idiom of every framework.

A convolution of 3×3, batch norm and ReLU; for each width a stage of residual blocks, which begins with a
stride of 2 and a projection on the shortcut in every stage but the first; the mean over all places; a
linear classifier. No convolution has a bias. Needs NumPy alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

SIZE = 32
"""Height and width of an image, which has 3 channels."""
WIDTHS = (8, 16, 32)
BLOCKS = 2
"""Residual blocks in a stage, of two convolutions each."""
CLASSES = 10
BIAS = np.linspace(-0.5, 0.5, CLASSES, dtype=np.float32)
"""Of the classifier."""
SEED = 0
FOLDER = Path(__file__).parents[2] / "cases" / "onnx"
"""Where the files of the tests are."""


def blocks() -> list[tuple[int, int, int]]:
    """Of every residual block the channels that it gets, those that it gives, and its stride."""
    ins = (WIDTHS[0], *WIDTHS[:-1])
    return [
        (width if number else before, width, 1 if number or before == width else 2)
        for before, width in zip(ins, WIDTHS, strict=True)
        for number in range(BLOCKS)
    ]


def statistics(channels: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """A batch norm as after training, none of it 0 or 1: ``scale``, ``offset``, ``mean``, ``variance``."""
    return {
        "scale": random.uniform(0.5, 1.5, channels).astype(np.float32),
        "offset": random.normal(0.0, 0.3, channels).astype(np.float32),
        "mean": random.normal(0.0, 0.3, channels).astype(np.float32),
        "variance": random.uniform(0.5, 1.5, channels).astype(np.float32),
    }


def target(name: str) -> Path:
    """The file to write: the first argument of the script, else ``name`` among the cases of the tests."""
    return Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER / name

"""The network in JAX with Flax (NNX), through ``jax2onnx.to_onnx``.

    python -m tests.prune.frameworks.from_jax [FILE.onnx]

Made with jax 0.10.2, flax 0.12.8, jax2onnx 0.17.1. Images have their channels last, the batch axis is free.
The exporter moves transposes out of the way, but leaves the shapes that it noted before.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax2onnx import to_onnx
from tests.prune.frameworks.network import BIAS, CLASSES, SEED, SIZE, WIDTHS, blocks, statistics, target


def conv(before: int, width: int, size: int, stride: int, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(before, width, (size, size), strides=stride, padding="SAME", use_bias=False, rngs=rngs)


class Block(nnx.Module):
    def __init__(self, before: int, width: int, stride: int, *, rngs: nnx.Rngs) -> None:
        self.conv1 = conv(before, width, 3, stride, rngs)
        self.bn1 = nnx.BatchNorm(width, rngs=rngs)
        self.conv2 = conv(width, width, 3, 1, rngs)
        self.bn2 = nnx.BatchNorm(width, rngs=rngs)
        self.projection = conv(before, width, 1, stride, rngs) if stride > 1 else None
        self.bn3 = nnx.BatchNorm(width, rngs=rngs) if stride > 1 else None

    def __call__(self, x: jax.Array) -> jax.Array:
        """``[N, H, W, before]`` to ``[N, H / stride, W / stride, width]``."""
        h = nnx.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        shortcut = x
        if self.projection is not None and self.bn3 is not None:
            shortcut = self.bn3(self.projection(x))
        return nnx.relu(h + shortcut)


class ResNet(nnx.Module):
    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.conv = conv(3, WIDTHS[0], 3, 1, rngs)
        self.bn = nnx.BatchNorm(WIDTHS[0], rngs=rngs)
        self.blocks = nnx.List([Block(*sizes, rngs=rngs) for sizes in blocks()])
        self.classifier = nnx.Linear(WIDTHS[-1], CLASSES, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """``[N, H, W, 3]`` to ``[N, CLASSES]``."""
        h = nnx.relu(self.bn(self.conv(x)))
        for block in self.blocks:
            h = block(h)
        return self.classifier(jnp.mean(h, axis=(1, 2)))


def network() -> ResNet:
    model = ResNet(rngs=nnx.Rngs(SEED))
    random = np.random.default_rng(SEED)
    for _, module in nnx.iter_modules(model):
        if isinstance(module, nnx.BatchNorm):
            made = statistics(module.num_features, random)
            module.scale[...], module.bias[...] = made["scale"], made["offset"]
            module.mean[...], module.var[...] = made["mean"], made["variance"]
    model.classifier.bias[...] = BIAS
    model.eval()
    return model


if __name__ == "__main__":
    shape = ("B", SIZE, SIZE, 3)
    to_onnx(network(), [shape], return_mode="file", output_path=str(target("resnet_jax.onnx")))

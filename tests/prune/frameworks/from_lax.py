"""The network in JAX without a library of layers, batch norms written out, through ``jax2onnx.to_onnx``.

    python -m tests.prune.frameworks.from_lax [FILE.onnx]

Made with jax 0.10.2, jax2onnx 0.17.1. Images and kernels have their channels last, the batch axis is free.
"""

from __future__ import annotations

from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax2onnx import to_onnx
from tests.prune.frameworks.network import BIAS, CLASSES, SEED, SIZE, WIDTHS, blocks, statistics, target

Parameters: TypeAlias = "dict[str, jax.Array]"


def conv(x: jax.Array, p: Parameters, stride: int) -> jax.Array:
    """A convolution and its batch norm: ``[N, H, W, C]`` to ``[N, H / stride, W / stride, width]``."""
    layout = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(x, p["kernel"], (stride, stride), "SAME", dimension_numbers=layout)
    return (y - p["mean"]) * jax.lax.rsqrt(p["variance"] + 1e-5) * p["scale"] + p["offset"]


def conv_parameters(before: int, width: int, size: int, random: np.random.Generator) -> Parameters:
    kernel = random.normal(0.0, (2 / (size * size * before)) ** 0.5, (size, size, before, width))
    made = {"kernel": kernel, **statistics(width, random)}
    return {name: jnp.asarray(array, jnp.float32) for name, array in made.items()}


def parameters() -> list[Parameters]:
    """Of the convolutions in order, and of the classifier."""
    random = np.random.default_rng(SEED)
    made = [conv_parameters(3, WIDTHS[0], 3, random)]
    for before, width, stride in blocks():
        made.append(conv_parameters(before, width, 3, random))
        made.append(conv_parameters(width, width, 3, random))
        if stride > 1:
            made.append(conv_parameters(before, width, 1, random))
    weight = random.normal(0.0, 0.2, (WIDTHS[-1], CLASSES))
    return [*made, {"weight": jnp.asarray(weight, jnp.float32), "bias": jnp.asarray(BIAS)}]


def network(x: jax.Array) -> jax.Array:
    """``[N, H, W, 3]`` to ``[N, CLASSES]``."""
    left = iter(parameters())
    h = jax.nn.relu(conv(x, next(left), 1))
    for _, _, stride in blocks():
        y = jax.nn.relu(conv(h, next(left), stride))
        y = conv(y, next(left), 1)
        h = jax.nn.relu(y + (conv(h, next(left), stride) if stride > 1 else h))
    classifier = next(left)
    return jnp.mean(h, axis=(1, 2)) @ classifier["weight"] + classifier["bias"]


if __name__ == "__main__":
    shape = ("B", SIZE, SIZE, 3)
    to_onnx(network, [shape], return_mode="file", output_path=str(target("resnet_lax.onnx")))

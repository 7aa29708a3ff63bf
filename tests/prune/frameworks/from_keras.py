"""The network in Keras, through ``Model.export(…, format="onnx")`` (which is tf2onnx under TensorFlow).

    python -m tests.prune.frameworks.from_keras [FILE.onnx]

Made with keras 3.15.1, tensorflow-cpu 2.21.0, tf2onnx 1.17.0. Images have their channels last, the batch
axis is free; the exporter folds the batch norms.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor, layers
from tests.prune.frameworks.network import BIAS, CLASSES, SEED, SIZE, WIDTHS, blocks, statistics, target


def conv(x: KerasTensor, width: int, size: int, stride: int) -> KerasTensor:
    """A convolution and its batch norm: ``[N, H, W, C]`` to ``[N, H / stride, W / stride, width]``."""
    x = layers.Conv2D(width, size, strides=stride, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def block(x: KerasTensor, width: int, stride: int) -> KerasTensor:
    h = layers.ReLU()(conv(x, width, 3, stride))
    h = conv(h, width, 3, 1)
    shortcut = conv(x, width, 1, stride) if stride > 1 else x
    return layers.ReLU()(layers.Add()([h, shortcut]))


def network() -> keras.Model:
    keras.utils.set_random_seed(SEED)
    image = keras.Input((SIZE, SIZE, 3))
    h = layers.ReLU()(conv(image, WIDTHS[0], 3, 1))
    for _, width, stride in blocks():
        h = block(h, width, stride)
    h = layers.GlobalAveragePooling2D()(h)
    model = keras.Model(image, layers.Dense(CLASSES)(h))
    model.layers[-1].bias.assign(BIAS)
    random = np.random.default_rng(SEED)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            made = statistics(layer.gamma.shape[0], random)
            layer.set_weights([made["scale"], made["offset"], made["mean"], made["variance"]])
    return model


def main() -> None:
    model = network()
    # the exporter refuses a model that never ran
    model(np.zeros((1, SIZE, SIZE, 3), np.float32))
    model.export(str(target("resnet_keras.onnx")), format="onnx")


if __name__ == "__main__":
    main()

"""The network in PaddlePaddle, through ``paddle.onnx.export``.

    python -m tests.prune.frameworks.from_paddle [FILE.onnx]

Made with paddlepaddle 3.3.1, paddle2onnx 2.1.0 (operator set 9), which also needs packaging, onnxruntime,
onnx-graphsurgeon and sympy. The batch axis is free.
"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle.static import InputSpec
from tests.prune.frameworks.network import BIAS, CLASSES, SEED, SIZE, WIDTHS, blocks, statistics, target


class Block(nn.Layer):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2D(before, width, 3, stride=stride, padding=1, bias_attr=False)
        self.bn1 = nn.BatchNorm2D(width)
        self.conv2 = nn.Conv2D(width, width, 3, padding=1, bias_attr=False)
        self.bn2 = nn.BatchNorm2D(width)
        self.shortcut = None
        if stride > 1:
            self.shortcut = nn.Sequential(
                nn.Conv2D(before, width, 1, stride=stride, bias_attr=False), nn.BatchNorm2D(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """``[N, before, H, W]`` to ``[N, width, H / stride, W / stride]``."""
        h = nn.functional.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return nn.functional.relu(h + shortcut)


class ResNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2D(3, WIDTHS[0], 3, padding=1, bias_attr=False)
        self.bn = nn.BatchNorm2D(WIDTHS[0])
        self.blocks = nn.Sequential(*(Block(*sizes) for sizes in blocks()))
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.classifier = nn.Linear(WIDTHS[-1], CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 3, H, W]`` to ``[N, CLASSES]``."""
        h = self.blocks(nn.functional.relu(self.bn(self.conv(x))))
        return self.classifier(paddle.flatten(self.pool(h), 1))


def network() -> ResNet:
    paddle.seed(SEED)
    random = np.random.default_rng(SEED)
    model = ResNet()
    for layer in model.sublayers():
        if isinstance(layer, nn.BatchNorm2D):
            made = statistics(layer.weight.shape[0], random)
            layer.weight.set_value(made["scale"])
            layer.bias.set_value(made["offset"])
            layer._mean.set_value(made["mean"])
            layer._variance.set_value(made["variance"])
    model.classifier.bias.set_value(BIAS)
    model.eval()
    return model


if __name__ == "__main__":
    file = target("resnet_paddle.onnx")
    shape = InputSpec([None, 3, SIZE, SIZE], "float32", "image")
    # the function puts the ending to the name by itself
    paddle.onnx.export(network(), str(file.with_suffix("")), input_spec=[shape])

"""The network in PyTorch, through ``torch.onnx.export`` as it is without options.

    python -m tests.prune.frameworks.from_pytorch [FILE.onnx]

Made with torch 2.13.0, onnxscript 0.7.2. The exporter folds the batch norms, writes the weights beside the
file, in ``FILE.onnx.data``, and makes the batch axis as long as that of the example.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from tests.prune.frameworks.network import BIAS, CLASSES, SEED, SIZE, WIDTHS, blocks, statistics, target
from torch import Tensor, nn


class Block(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """``[N, before, H, W]`` to ``[N, width, H / stride, W / stride]``."""
        h = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(h)) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(WIDTHS[0])
        self.blocks = nn.Sequential(*(Block(*sizes) for sizes in blocks()))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(WIDTHS[-1], CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 3, H, W]`` to ``[N, CLASSES]``."""
        h = self.blocks(torch.relu(self.bn(self.conv(x))))
        return self.classifier(torch.flatten(self.pool(h), 1))


def network() -> ResNet:
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    model = ResNet()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            made = {
                name: torch.from_numpy(x) for name, x in statistics(module.num_features, random).items()
            }
            module.weight.data, module.bias.data = made["scale"], made["offset"]
            module.running_mean, module.running_var = made["mean"], made["variance"]
    model.classifier.bias.data = torch.from_numpy(BIAS)
    return model.eval()


def main() -> None:
    file = target("resnet_pytorch.onnx")
    torch.onnx.export(network(), (torch.randn(1, 3, SIZE, SIZE),), file)
    without_traces(file)


def without_traces(file: Path) -> None:
    """Take out where in which source file a node comes from: the paths are those of one machine."""
    model = onnx.load(file, load_external_data=False)
    for node in model.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key != "pkg.torch.onnx.stack_trace"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    onnx.save(model, file)


if __name__ == "__main__":
    main()

"""A shallow-deep network on MobileNet: depthwise-separable blocks with internal classifiers.

After Kaya, Hong & Dumitras (ICML 2019) on Howard et al., "MobileNets", 2017.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

HERE = Path(__file__).parent


@dataclass
class Config:
    # (channels, stride), an int is a stride of one
    blocks: tuple = (16, (24, 2), 24, (40, 2), 40, 40, (64, 2), 64)
    exits_after: tuple = (1, 3, 5)
    stem: int = 12
    num_classes: int = 10
    confidence_threshold: float = 0.9


class DepthwiseSeparable(nn.Module):
    def __init__(self, in_planes, out_planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, in_planes, 3, stride, 1, groups=in_planes, bias=False)
        self.bn1 = nn.BatchNorm2d(in_planes)
        self.conv2 = nn.Conv2d(in_planes, out_planes, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_planes)
        self.act = nn.ReLU6(inplace=True)

    def forward(self, x):
        out = self.act(self.bn1(self.conv1(x)))
        return self.act(self.bn2(self.conv2(out)))


class ExitHead(nn.Module):
    def __init__(self, planes, num_classes):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.fc = nn.Linear(planes * 16, num_classes)

    def forward(self, x):
        return self.fc(self.pool(x).flatten(1))


class MobileNetSDN(nn.Module):
    def __init__(self, config: Config | None = None):
        super().__init__()
        self.config = config = config or Config()
        self.stem = nn.Sequential(
            nn.Conv2d(3, config.stem, 3, 1, 1, bias=False),
            nn.BatchNorm2d(config.stem),
            nn.ReLU6(inplace=True),
        )
        self.blocks = nn.ModuleList()
        self.heads = nn.ModuleDict()
        planes = config.stem
        for i, block in enumerate(config.blocks):
            out_planes, stride = block if isinstance(block, tuple) else (block, 1)
            self.blocks.append(DepthwiseSeparable(planes, out_planes, stride))
            planes = out_planes
            if i in config.exits_after:
                self.heads[str(i)] = ExitHead(planes, config.num_classes)
        self.head = ExitHead(planes, config.num_classes)

    def is_confident(self, logits):
        return logits.softmax(dim=-1).amax() > self.config.confidence_threshold

    def forward_train(self, x):
        x = self.stem(x)
        outputs = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if str(i) in self.heads:
                outputs.append(self.heads[str(i)](x))
        outputs.append(self.head(x))
        return outputs

    def forward(self, x):
        if self.training:
            return self.forward_train(x)
        x = self.stem(x)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i not in self.config.exits_after:
                continue
            logits = self.heads[str(i)](x)
            if self.is_confident(logits):
                return logits, i
        return self.head(x), len(self.blocks) - 1


def get_model():
    config = Config(**json.loads((HERE / "config.json").read_text()))
    model = MobileNetSDN(config)
    model.load_state_dict(load_file(HERE / "weights.safetensors"), strict=False)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

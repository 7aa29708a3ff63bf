"""SkipNet with feed-forward gates: a small convolution looks at what comes in and lets a block run or not.

After Wang et al., "SkipNet: Learning Dynamic Routing in Convolutional Networks", ECCV 2018.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

HERE = Path(__file__).parent


def hard(prob, training):
    """A 0/1 decision; the gradient of the soft one in training (straight-through)."""
    decision = (prob > 0.5).float()
    return decision + prob - prob.detach() if training else decision


class BasicBlock(nn.Module):
    def __init__(self, inplanes, planes, stride=1, downsample=None):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x):
        residual = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            residual = self.downsample(x)
        out += residual
        return self.relu(out)


class FeedforwardGate(nn.Module):
    """Gate II of the paper: a convolution, global pooling, a linear layer, a softmax over skip and run."""

    def __init__(self, pool_size, channel):
        super().__init__()
        self.conv1 = nn.Conv2d(channel, channel, kernel_size=3, stride=2, padding=0, bias=False)
        self.bn1 = nn.BatchNorm2d(channel)
        self.relu1 = nn.ReLU(inplace=True)
        self.avg_layer = nn.AvgPool2d(pool_size // 2 - (pool_size % 2 == 0))
        self.linear_layer = nn.Conv2d(channel, 2, kernel_size=1)

    def forward(self, x):
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.avg_layer(x)
        x = self.linear_layer(x)
        prob = F.softmax(x.flatten(1), dim=1)[:, 1]
        return hard(prob, self.training).view(-1, 1, 1, 1), prob


class ResNetFeedForwardSP(nn.Module):
    """``layers`` counts the blocks of each group: ``group{g}_layer{i}``, behind ``group{g}_gate{i}``."""

    def __init__(self, layers=(3, 3, 3), widths=(10, 16, 24), num_classes=10):
        super().__init__()
        self.num_layers = layers
        self.conv1 = nn.Conv2d(3, widths[0], 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.inplanes = widths[0]
        size = 16
        for g, (count, planes) in enumerate(zip(layers, widths, strict=True)):
            for i in range(count):
                stride = 2 if g > 0 and i == 0 else 1
                gate = FeedforwardGate(size, self.inplanes)
                setattr(self, f"group{g + 1}_gate{i}", gate)
                setattr(self, f"group{g + 1}_layer{i}", self._make_layer(planes, stride))
                size //= stride
        self.avgpool = nn.AvgPool2d(size)
        self.fc = nn.Linear(widths[-1], num_classes)

    def _make_layer(self, planes, stride):
        downsample = None
        if stride != 1 or self.inplanes != planes:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )
        block = BasicBlock(self.inplanes, planes, stride, downsample)
        self.inplanes = planes
        return block

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        masks, gprobs = [], []
        for g in range(len(self.num_layers)):
            for i in range(self.num_layers[g]):
                layer = getattr(self, f"group{g + 1}_layer{i}")
                if layer.downsample is not None:
                    # the size changes here: this block always runs
                    x = layer(x)
                    continue
                mask, gprob = getattr(self, f"group{g + 1}_gate{i}")(x)
                masks.append(mask.view(-1))
                gprobs.append(gprob)
                if self.training:
                    x = mask * layer(x) + (1 - mask) * x
                elif mask.item() == 1:
                    x = layer(x)
        x = self.fc(self.avgpool(x).flatten(1))
        return x, torch.stack(masks), torch.stack(gprobs)


def get_model():
    config = json.loads((HERE / "config.json").read_text())
    model = ResNetFeedForwardSP(tuple(config["layers"]))
    model.load_state_dict(load_file(HERE / "weights.safetensors"), strict=False)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

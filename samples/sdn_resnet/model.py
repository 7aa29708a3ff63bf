"""A shallow-deep network on a CIFAR-style ResNet.

After Kaya, Hong & Dumitras (ICML 2019) on He et al., "Deep Residual Learning", 2016.
"""

import json
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file

HERE = Path(__file__).parent


def conv3x3(in_planes, out_planes, stride=1):
    return nn.Conv2d(in_planes, out_planes, kernel_size=3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    def __init__(self, in_planes, planes, stride=1, ic_classes=None):
        super().__init__()
        self.conv1 = conv3x3(in_planes, planes, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes)
            )
        self.ic = nn.Linear(planes * 16, ic_classes) if ic_classes is not None else None

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        out = F.relu(out)
        if self.ic is None:
            return out, None
        pooled = F.adaptive_max_pool2d(out, 4) + F.adaptive_avg_pool2d(out, 4)
        return out, self.ic(pooled.reshape(pooled.shape[0], -1))


class ResNetSDN(nn.Module):
    def __init__(self, num_blocks=(2, 2, 2), widths=(12, 20, 32), ic_blocks=(0, 2, 3, 4), num_classes=10):
        super().__init__()
        self.in_planes = widths[0]
        self.conv1 = conv3x3(3, widths[0])
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.confidence_threshold = 0.5
        self.exits = [0 for _ in range(len(ic_blocks) + 1)]
        index = 0
        for s, (n, width) in enumerate(zip(num_blocks, widths)):
            layers = []
            for b in range(n):
                stride = 2 if b == 0 and s > 0 else 1
                classes = num_classes if index in ic_blocks else None
                layers.append(BasicBlock(self.in_planes, width, stride, classes))
                self.in_planes = width
                index += 1
            setattr(self, f"layer{s + 1}", nn.ModuleList(layers))
        self.num_stages = len(num_blocks)
        self.linear = nn.Linear(widths[-1], num_classes)

    def stages(self):
        for s in range(self.num_stages):
            yield from getattr(self, f"layer{s + 1}")

    def classify(self, out):
        out = F.avg_pool2d(out, out.size(3))
        return self.linear(out.view(out.size(0), -1))

    def forward(self, x):
        preds = []
        best, best_confidence, best_exit = None, 0.0, -1
        out = F.relu(self.bn1(self.conv1(x)))
        for block in self.stages():
            out, pred = block(out)
            if pred is None:
                continue
            preds.append(pred)
            if self.training:
                continue
            confidence = F.softmax(pred, dim=1).max().item()
            if confidence > self.confidence_threshold:
                return pred, confidence, len(preds) - 1
            if confidence > best_confidence:
                best, best_confidence, best_exit = pred, confidence, len(preds) - 1
        pred = self.classify(out)
        if self.training:
            return [*preds, pred]
        confidence = F.softmax(pred, dim=1).max().item()
        if confidence < best_confidence:
            # overthinking: an earlier classifier was surer than the last
            return best, best_confidence, best_exit
        return pred, confidence, len(preds)


def get_model():
    model = ResNetSDN()
    model.load_state_dict(load_file(str(HERE / "weights.safetensors")), strict=False)
    with open(HERE / "config.json") as f:
        model.confidence_threshold = json.load(f)["confidence_threshold"]
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

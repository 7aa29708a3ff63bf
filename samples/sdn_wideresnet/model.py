"""A shallow-deep network on WideResNet (pre-activation blocks, dropout in training).

After Kaya, Hong & Dumitras (ICML 2019) on Zagoruyko & Komodakis, "Wide Residual Networks", 2016.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).parent


class WideBlock(nn.Module):
    def __init__(self, in_channels, channels, stride, dropout_rate):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=True)
        self.dropout = nn.Dropout(p=dropout_rate)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=True)
        self.equal = in_channels == channels and stride == 1
        if not self.equal:
            self.shortcut = nn.Conv2d(in_channels, channels, 1, stride=stride, bias=True)

    def forward(self, x):
        y = F.relu(self.bn1(x))
        residual = x if self.equal else self.shortcut(y)
        y = self.dropout(self.conv1(y))
        y = self.conv2(F.relu(self.bn2(y)))
        return y + residual


class Exit(nn.Module):
    """An internal classifier and its opinion on whether it may answer."""

    def __init__(self, channels, num_classes, temperature=1.0):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels * 16, num_classes)
        self.temperature = temperature

    def forward(self, x):
        x = F.adaptive_avg_pool2d(F.relu(self.bn(x)), 4)
        return self.linear(torch.flatten(x, 1))

    def sure(self, logits, threshold):
        values, _ = torch.max(F.softmax(logits / self.temperature, dim=-1), dim=-1)
        return bool((values > threshold).all())


class WideResNetSDN(nn.Module):
    def __init__(self, depth=10, widen_factor=2, base=8, dropout_rate=0.1, num_classes=10, threshold=0.8):
        super().__init__()
        assert (depth - 4) % 6 == 0, "the depth of a WideResNet is 6n + 4"
        n = (depth - 4) // 6
        stages = [base, base * widen_factor, 2 * base * widen_factor, 3 * base * widen_factor]
        self.conv1 = nn.Conv2d(3, stages[0], 3, padding=1)
        self.groups = nn.ModuleList()
        self.exits = nn.ModuleList()
        for i in range(3):
            blocks, c_in = nn.Sequential(), stages[i]
            for b in range(n):
                blocks.append(WideBlock(c_in, stages[i + 1], 2 if b == 0 else 1, dropout_rate))
                c_in = stages[i + 1]
            self.groups.append(blocks)
            self.exits.append(Exit(stages[i], num_classes))
        self.bn = nn.BatchNorm2d(stages[3])
        self.fc = nn.Linear(stages[3], num_classes)
        self.threshold = threshold

    def tail(self, x):
        return self.fc(F.relu(self.bn(x)).mean(dim=(-2, -1)))

    def forward(self, x):
        x = self.conv1(x)
        logits = []
        exit_taken = None
        for exit_, group in zip(self.exits, self.groups, strict=True):
            logits.append(exit_(x))
            if not self.training and exit_.sure(logits[-1], self.threshold):
                exit_taken = len(logits) - 1
                break
            x = group(x)
        else:
            logits.append(self.tail(x))
        if self.training:
            return logits
        return {"logits": logits[-1], "exit": exit_taken, "tried": len(logits)}


def get_model():
    config = json.loads((HERE / "config.json").read_text())
    model = WideResNetSDN(threshold=config["confidence_threshold"])
    model.load_state_dict(load_file(HERE / "weights.safetensors"), strict=False)
    model.eval()
    return model


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

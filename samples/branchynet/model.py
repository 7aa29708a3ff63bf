"""BranchyNet: a LeNet with side branches; a picture leaves at the first branch whose softmax has low
entropy.

After Teerapittayanon, McDanel and Kung, "BranchyNet: Fast Inference via Early Exiting from Deep Neural
Networks", ICPR 2016.
"""

import json
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file

HERE = Path(__file__).parent


class Branch(nn.Module):
    """A side branch: everything that is only needed to leave here."""

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def entropy(softmax):
    """Entropy of each row, in nats."""
    return torch.sum(-softmax * torch.log(softmax.clamp_min(1e-12)), dim=1)


class BranchyNet(nn.Module):
    def __init__(self, thresholds=None, num_classes=10, verbose=False):
        super().__init__()
        self.verbose = verbose
        self.main = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(3, 6, 5, padding=2), nn.MaxPool2d(4), nn.ReLU()),
                nn.Sequential(nn.Conv2d(6, 12, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()),
                nn.Sequential(nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU()),
            ]
        )
        self.branches = nn.ModuleList(
            [
                Branch([nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6 * 16, num_classes)]),
                Branch(
                    [nn.Conv2d(12, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(128, num_classes)]
                ),
                Branch([nn.Flatten(), nn.Linear(24 * 16, 64), nn.ReLU(), nn.Linear(64, num_classes)]),
            ]
        )
        # one a branch; the last one always lets go
        self.thresholds = thresholds or [0.5] * (len(self.branches) - 1)

    def forward(self, x):
        """Training: the outputs of all branches. Otherwise of the first one that is sure."""
        if self.training:
            outputs = []
            for stage, branch in zip(self.main, self.branches):
                x = stage(x)
                outputs.append(branch(x))
            return outputs
        return self.test(x)

    def test(self, x):
        num_exits = len(self.branches)
        for i, (stage, branch) in enumerate(zip(self.main, self.branches)):
            x = stage(x)
            y = branch(x)
            if i == num_exits - 1:
                break
            e = entropy(F.softmax(y, dim=1))
            if self.verbose:
                print(f"exit {i}: entropy {e}")
            if torch.all(e < self.thresholds[i]):
                break
        return y, i


def get_model():
    config = json.loads((HERE / "config.json").read_text())
    model = BranchyNet(config["thresholds"])
    model.load_state_dict(load_file(HERE / "weights.safetensors"), strict=False)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

"""JEI-DNN: at every exit an inference module and a gate; the gates' exit probabilities are learned jointly.

After Regol, Chataoui and Coates, "Jointly-Learned Exit and Inference for a Dynamic Neural Network:
JEI-DNN", ICLR 2024. The backbone is frozen; gate and inference module of each exit are trained together on
the expected loss plus the expected cost under the distribution over exits that the gates define.
"""

import json
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn as nn
from safetensors.torch import load_file

HERE = Path(__file__).parent


class Exit(NamedTuple):
    """What the network says and where it left."""

    logits: torch.Tensor
    level: int
    exit_probability: torch.Tensor


def uncertainty_statistics(logits):
    """What a gate looks at (section 4 of the paper): max probability, entropy, entropy of its
    power, margin.
    """
    probs = torch.nn.functional.softmax(logits, dim=1)
    p_max = torch.max(probs, dim=1)[0]
    entropy = -torch.sum(probs * torch.log(probs + 1e-8), dim=1)
    cubed = torch.pow(probs, 3)
    cubed = cubed / torch.sum(cubed, dim=1, keepdim=True)
    entropy_pow = -torch.sum(cubed * torch.log(cubed + 1e-8), dim=1)
    top2 = torch.topk(probs, 2, dim=1).values
    margin = top2[:, 0] - top2[:, 1]
    return torch.stack([p_max, entropy, entropy_pow, margin], dim=1)


class Gate(nn.Module):
    def __init__(self, num_stats=4, proj_dim=16):
        super().__init__()
        self.hidden_layer = nn.Linear(num_stats, proj_dim)
        self.output_layer = nn.Linear(proj_dim, 1)
        self.register_buffer("temperature", torch.ones(1))

    def forward(self, logits):
        stats = uncertainty_statistics(logits)
        return self.output_layer(torch.relu(self.hidden_layer(stats))) / self.temperature


class Backbone(nn.Module):
    def __init__(self, widths=(10, 14, 18, 24)):
        super().__init__()
        blocks, c_in = [], 3
        for i, width in enumerate(widths):
            blocks.append(
                nn.Sequential(
                    nn.Conv2d(c_in, width, 3, stride=2 if i < 3 else 1, padding=1),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                )
            )
            c_in = width
        self.blocks = nn.ModuleList(blocks)


class JEIDNN(nn.Module):
    def __init__(self, widths=(10, 14, 18, 24), num_classes=10, threshold=0.5):
        super().__init__()
        self.backbone = Backbone(widths)
        self.intermediate_heads = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(w * 16, num_classes))
            for w in widths
        )
        self.gates = nn.ModuleList(Gate() for _ in widths[:-1])
        self.threshold = threshold
        self.are_all_classifiers_frozen = False

    def all_exits(self, x):
        """The logits of all inference modules (L of them) and the gates' logits (L - 1)."""
        logits, gates = [], []
        for block, head in zip(self.backbone.blocks, self.intermediate_heads):
            x = block(x)
            logits.append(head(x))
        for gate, y in zip(self.gates, logits):
            gates.append(gate(y))
        return logits, gates

    def forward(self, x):
        if self.training:
            return self.all_exits(x)
        g = None
        for level in range(len(self.backbone.blocks)):
            x = self.backbone.blocks[level](x)
            current_logits = self.intermediate_heads[level](x)
            if level < len(self.gates):
                g = torch.sigmoid(self.gates[level](current_logits)).squeeze()
                if g.item() >= self.threshold:
                    return Exit(current_logits, level, g)
        # what no gate let go leaves at the end, with certainty
        return Exit(current_logits, level, torch.ones_like(g))


def get_model():
    config = json.loads((HERE / "config.json").read_text())
    model = JEIDNN(threshold=config["threshold"])
    model.load_state_dict(load_file(HERE / "weights.safetensors"), strict=False)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

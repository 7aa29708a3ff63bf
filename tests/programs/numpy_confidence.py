"""Values that leave through NumPy: `.detach().cpu().numpy()` compared, `np.argmax` of logits."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Cascade(nn.Module):
    def __init__(self, dim=5, classes=4, stages=3, threshold=0.42):
        super().__init__()
        self.stages = nn.ModuleList([nn.Linear(dim, dim) for _ in range(stages)])
        self.heads = nn.ModuleList([nn.Linear(dim, classes) for _ in range(stages)])
        self.threshold = threshold

    def forward(self, x):
        for stage, head in zip(self.stages, self.heads, strict=True):
            x = torch.relu(stage(x)) + x
            logits = head(x)
            confidence = F.softmax(logits, dim=1).max().detach().cpu().numpy()
            if confidence > self.threshold:
                break
        label = int(np.argmax(logits.cpu().numpy()))
        return logits, label


def get_model():
    torch.manual_seed(0)
    net = Cascade()
    with torch.no_grad():
        for head in net.heads:
            head.weight.mul_(1.5)
    return net.eval()


def example_inputs():
    return (torch.ones(1, 5),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 5, generator=g) * (0.3 + 0.4 * (k % 4)),) for k in range(12)]

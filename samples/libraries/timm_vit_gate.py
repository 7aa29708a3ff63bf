"""Two timm backbones behind a gate: an easy picture goes to the small one."""

import timm
import torch
from torch import nn


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(48, 1))
        self.small = timm.create_model("mobilenetv3_small_050", pretrained=False, num_classes=5)
        self.big = timm.create_model(
            "vit_tiny_patch16_224", pretrained=False, num_classes=5, img_size=32, patch_size=8,
            embed_dim=32, depth=3, num_heads=4,
        )  # fmt: skip

    def forward(self, x):
        if torch.sigmoid(self.gate(x)) > 0.5:
            return self.big(x)
        return self.small(x)


def get_model():
    torch.manual_seed(0)
    return Gated().eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

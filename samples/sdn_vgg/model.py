"""A shallow-deep network on VGG: internal classifiers between the convolutions, a confidence exit.

After Kaya, Hong & Dumitras, "Shallow-Deep Networks: Understanding and Mitigating Network
Overthinking", ICML 2019.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

HERE = Path(__file__).parent

# channels of the convolutions; "M" halves the picture
CFG = {
    "vgg11_tiny": [12, "M", 24, "M", 32, 32, "M", 48, 48, "M"],
    "vgg16_tiny": [12, 12, "M", 24, 24, "M", 32, 32, 32, "M", 48, 48, 48, "M"],
}


class InternalClassifier(nn.Module):
    """Feature reduction by a learned mix of max and average pooling, then a linear classifier."""

    def __init__(self, size, channels, num_classes, pool_to=4):
        super().__init__()
        self.red_kernel_size = size // pool_to if size > pool_to else -1
        if self.red_kernel_size == -1:
            self.linear = nn.Linear(channels * size * size, num_classes)
            self.forward = self.forward_wo_pooling
        else:
            self.max_pool = nn.MaxPool2d(self.red_kernel_size)
            self.avg_pool = nn.AvgPool2d(self.red_kernel_size)
            self.alpha = nn.Parameter(torch.rand(1))
            self.linear = nn.Linear(channels * pool_to * pool_to, num_classes)
            self.forward = self.forward_w_pooling

    def forward_w_pooling(self, x):
        avgp = self.alpha * self.max_pool(x)
        maxp = (1 - self.alpha) * self.avg_pool(x)
        mixed = avgp + maxp
        return self.linear(mixed.view(mixed.size(0), -1))

    def forward_wo_pooling(self, x):
        return self.linear(x.view(x.size(0), -1))


class ConvBlock(nn.Module):
    def __init__(self, in_channels, out_channels, pool, size, num_classes, add_output):
        super().__init__()
        layers = [
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        ]
        if pool:
            layers.append(nn.MaxPool2d(2))
            size //= 2
        self.layers = nn.Sequential(*layers)
        self.output = None
        self.no_output = not add_output
        if add_output:
            self.output = InternalClassifier(size, out_channels, num_classes)

    def forward(self, x):
        fwd = self.layers(x)
        if self.no_output:
            return fwd, 0, None
        return fwd, 1, self.output(fwd)


class VGG_SDN(nn.Module):
    def __init__(
        self, cfg="vgg16_tiny", add_ic=(0, 1, 0, 1, 0, 1, 0, 1, 0, 0), num_classes=10, input_size=32
    ):
        super().__init__()
        self.num_classes = num_classes
        self.confidence_threshold = None
        self.layers = nn.ModuleList()
        channels, size, conv_id = 3, input_size, 0
        plan = CFG[cfg]
        for i, v in enumerate(plan):
            if v == "M":
                continue
            pool = i + 1 < len(plan) and plan[i + 1] == "M"
            self.layers.append(ConvBlock(channels, v, pool, size, num_classes, add_ic[conv_id]))
            channels, conv_id = v, conv_id + 1
            if pool:
                size //= 2
        self.end_layers = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * size * size, 64), nn.ReLU(), nn.Linear(64, num_classes)
        )
        self.num_output = sum(add_ic) + 1

    def all_outputs(self, x):
        outputs = []
        fwd = x
        for layer in self.layers:
            fwd, is_output, output = layer(fwd)
            if is_output:
                outputs.append(output)
        return [*outputs, self.end_layers(fwd)]

    def early_exit(self, x):
        confidences = []
        outputs = []
        fwd = x
        output_id = 0
        for layer in self.layers:
            fwd, is_output, output = layer(fwd)
            if is_output:
                outputs.append(output)
                softmax = F.softmax(output[0], dim=0)
                confidence = torch.max(softmax)
                confidences.append(confidence)
                if confidence > self.confidence_threshold:
                    is_early = True
                    return output, output_id, is_early
                output_id += is_output
        output = self.end_layers(fwd)
        outputs.append(output)
        confidences.append(torch.max(F.softmax(output[0], dim=0)))
        # nobody was sure: the surest of them all
        max_confidence_output = torch.stack(confidences).argmax().item()
        is_early = False
        return outputs[max_confidence_output], max_confidence_output, is_early

    def forward(self, x):
        if self.training:
            return self.all_outputs(x)
        return self.early_exit(x)


def get_model():
    model = VGG_SDN()
    model.load_state_dict(load_file(HERE / "weights.safetensors"), strict=False)
    model.confidence_threshold = json.loads((HERE / "config.json").read_text())["confidence_threshold"]
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

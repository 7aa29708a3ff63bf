"""Fire Together Wire Together: a small head predicts which filters of the next layer will fire; only
those run.

After Elkerdawy, Elhoushi, Zhang and Ray, "Fire Together Wire Together: A Dynamic Pruning Approach with
Self-Supervised Mask Prediction", CVPR 2022: global max pooling, a linear layer, a binarized mask; at
inference the masked filters are skipped, so weights are gathered by the mask.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


class GatingMask(nn.Module):
    """Decoupled from the layer: predicts its binary channel mask from the layer's input."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.fc = nn.Linear(in_channels, out_channels)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        pooled = F.adaptive_max_pool2d(x, 1).flatten(1)
        return self.sigmoid(self.fc(pooled))


class DynamicConv(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, min_filters=1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
        self.gate = GatingMask(in_channels, out_channels)
        self.out_channels = out_channels
        self.min_filters = min_filters
        self.active_filters = 0

    def forward(self, x):
        mask = self.gate(x)
        if self.training:
            hard = (mask > 0.5).float()
            mask = hard + mask - mask.detach()
            return F.relu(self.conv(x)) * mask[:, :, None, None]
        # one picture at a time at inference, so that filters can really be skipped
        active = (mask[0] > 0.5).nonzero().flatten()
        if len(active) < self.min_filters:
            active = mask[0].topk(self.min_filters).indices.sort().values
        self.active_filters = len(active)
        w, b = self.conv.weight[active], self.conv.bias[active]
        y = F.relu(F.conv2d(x, w, b, stride=self.conv.stride, padding=self.conv.padding))
        out = x.new_zeros(x.size(0), self.out_channels, y.size(2), y.size(3))
        out[:, active] = y
        return out


class FTWT(nn.Module):
    def __init__(self, cfg=(8, "M", 16, "M", 24, 24, "M"), num_classes=10):
        super().__init__()
        self.features = self._make_layers(cfg)
        self.classifier = nn.Linear(24 * 16, num_classes)

    def _make_layers(self, cfg):
        layers = []
        in_channels = 3
        for v in cfg:
            if v == "M":
                layers += [nn.MaxPool2d(kernel_size=2, stride=2)]
            else:
                layers += [DynamicConv(in_channels, v, min_filters=2)]
                in_channels = v
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.features(x)
        x = torch.flatten(x, 1)
        used = [m.active_filters for m in self.features if isinstance(m, DynamicConv)]
        return self.classifier(x), used


def get_model():
    torch.manual_seed(0)
    model = FTWT()
    for m in model.modules():
        if isinstance(m, GatingMask):
            nn.init.normal_(m.fc.weight, std=1.2)
            nn.init.normal_(m.fc.bias, std=0.5)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

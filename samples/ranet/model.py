"""Resolution adaptation: a tiny network looks first and says at which resolution the picture has to be
seen.

After Yang et al., "Resolution Adaptive Networks for Efficient Inference", CVPR 2020 (small resolution
first, larger ones only when unsure) and Zhu et al., "Dynamic Resolution Network", NeurIPS 2021 (a
predictor picks the input's resolution).
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


def conv_bn(c_in, c_out, stride=1):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)
    )


class ResolutionPredictor(nn.Module):
    def __init__(self, n_resolutions, width=6):
        super().__init__()
        self.net = nn.Sequential(conv_bn(3, width, 2), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.fc = nn.Linear(4 * width, n_resolutions)

    def forward(self, x):
        return self.fc(self.net(F.avg_pool2d(x, 4)))


class SubNetwork(nn.Module):
    """One scale of RANet: its features are fused into the next scale's."""

    def __init__(self, channels, c_prev, num_classes):
        super().__init__()
        self.stem = conv_bn(3, channels, 2)
        self.fuse = nn.Conv2d(channels + c_prev, channels, 1) if c_prev else None
        self.block = nn.Sequential(conv_bn(channels, channels), conv_bn(channels, channels, 2))
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x, prev=None):
        h = self.stem(x)
        if self.fuse is not None and prev is not None:
            prev = F.interpolate(prev, size=h.shape[-2:], mode="bilinear", align_corners=False)
            h = self.fuse(torch.cat([h, prev], dim=1))
        features = self.block(h)
        return features, self.classifier(features.mean((2, 3)))


class ResolutionAdaptiveNet(nn.Module):
    resolutions = [12, 16, 24, 32]

    def __init__(self, channels=(6, 10, 14), num_classes=10, threshold=0.5):
        super().__init__()
        self.predictor = ResolutionPredictor(len(self.resolutions))
        self.scales = nn.ModuleList()
        prev = 0
        for c in channels:
            self.scales.append(SubNetwork(c, prev, num_classes))
            prev = c
        self.threshold = threshold

    def forward(self, x):
        # how large the picture has to be
        choice = self.predictor(x).argmax(dim=1)
        size = self.resolutions[choice.item()]
        if size != x.shape[-1]:
            x = F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
        # then from small scales to large ones
        scales = [x]
        for _ in range(len(self.scales) - 1):
            scales.insert(0, F.avg_pool2d(scales[0], 2))
        features = None
        for i, (subnet, inp) in enumerate(zip(self.scales, scales)):
            features, logits = subnet(inp, features)
            confidence = F.softmax(logits, dim=1).max(dim=1)[0]
            if i < len(self.scales) - 1 and confidence.item() > self.threshold:
                break
        return logits, size, i


def get_model():
    torch.manual_seed(1)
    model = ResolutionAdaptiveNet()
    nn.init.normal_(model.predictor.fc.weight, std=3.0)
    model.predictor.fc.bias.data.copy_(torch.tensor([3.0, 5.5, 0.0, 0.5]))
    for s in model.scales:
        nn.init.normal_(s.classifier.weight, std=30.0)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

"""BlockDrop: a policy network looks at the picture once and says which residual blocks to keep.

After Wu et al., "BlockDrop: Dynamic Inference Paths in Residual Networks", CVPR 2018.
"""

from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file

HERE = Path(__file__).parent


class Residual(nn.Module):
    """What a block adds to its input; the shortcut is the network's business."""

    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)

    def forward(self, x):
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))


class DownsampleB(nn.Module):
    """The shortcut where the size changes: average pooling, the new channels are zero."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.avg = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.extra = n_out - n_in

    def forward(self, x):
        x = self.avg(x)
        if self.extra == 0:
            return x
        return torch.cat([x, x.new_zeros(x.shape[0], self.extra, x.shape[2], x.shape[3])], 1)


class FlatResNet(nn.Module):
    def __init__(self, layer_config=(3, 3, 3), filters=(12, 20, 32), num_classes=10):
        super().__init__()
        self.seed = nn.Sequential(
            nn.Conv2d(3, filters[0], 3, 2, 1, bias=False), nn.BatchNorm2d(filters[0]), nn.ReLU()
        )
        blocks, ds, inplanes = [], [], filters[0]
        for i, (n, width) in enumerate(zip(layer_config, filters, strict=True)):
            stride = 1 if i == 0 else 2
            ds.append(DownsampleB(inplanes, width, stride))
            segment = [
                Residual(inplanes if b == 0 else width, width, stride if b == 0 else 1) for b in range(n)
            ]
            blocks.append(nn.ModuleList(segment))
            inplanes = width
        self.blocks = nn.ModuleList(blocks)
        self.ds = nn.ModuleList(ds)
        self.layer_config = layer_config
        self.fc = nn.Linear(inplanes, num_classes)

    def forward(self, x, policy):
        x = self.seed(x)
        t = 0
        for segment, num_blocks in enumerate(self.layer_config):
            for b in range(num_blocks):
                action = policy[:, t]
                residual = self.ds[segment](x) if b == 0 else x
                t += 1
                if self.training:
                    fx = F.relu(residual + self.blocks[segment][b](x))
                    action = action.view(-1, 1, 1, 1)
                    x = fx * action + residual * (1 - action)
                    continue
                # one picture at a time: an unused block costs nothing
                if action.data[0] == 0:
                    x = residual
                    continue
                x = F.relu(residual + self.blocks[segment][b](x))
        return self.fc(F.avg_pool2d(x, x.shape[-1]).flatten(1))


class PolicyNet(nn.Module):
    def __init__(self, num_blocks, width=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, width, 3, 4, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, 2, 1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.logit = nn.Linear(2 * width * 16, num_blocks)

    def forward(self, x):
        return torch.sigmoid(self.logit(self.features(x)))


class BlockDrop(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnet = FlatResNet()
        self.agent = PolicyNet(sum(self.rnet.layer_config))

    def sample(self, probs):
        """The most likely policy: no dice at inference."""
        policy = probs.clone()
        policy[policy < 0.5] = 0.0
        policy[policy >= 0.5] = 1.0
        if self.training:
            policy = policy.detach() + probs - probs.detach()
        return policy

    def forward(self, x):
        probs = self.agent(x)
        policy = self.sample(probs)
        preds = self.rnet(x, policy)
        return preds, policy.detach(), probs


def get_model():
    model = BlockDrop()
    model.load_state_dict(load_file(HERE / "weights.safetensors"), strict=False)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

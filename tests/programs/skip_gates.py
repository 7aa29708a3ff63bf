"""SkipNet-like residual blocks, each behind a hard gate, batch of one."""

import torch
import torch.nn.functional as F
from torch import nn


class FFGate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc = nn.Linear(channels, 1)

    def forward(self, x):
        x = F.avg_pool2d(x, x.size(2)).flatten(1)
        prob = torch.sigmoid(self.fc(x))
        hard = (prob > 0.5).float()
        return hard.view(-1, 1, 1, 1), prob


class Block(nn.Module):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.bn = nn.BatchNorm2d(c_out)
        self.down = nn.Conv2d(c_in, c_out, 1, stride, bias=False) if stride != 1 or c_in != c_out else None

    def forward(self, x):
        out = self.bn(self.conv(x))
        return F.relu(out + (x if self.down is None else self.down(x)))


class SkipNet(nn.Module):
    def __init__(self, layers=(3, 3), width=8):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1)
        c_in = width
        for g, count in enumerate(layers):
            c = width * 2**g
            for i in range(count):
                setattr(self, f"group{g + 1}_layer{i}", Block(c_in, c, 2 if g and i == 0 else 1))
                setattr(self, f"group{g + 1}_gate{i}", FFGate(c_in))
                c_in = c
        self.num_layers = layers
        self.fc = nn.Linear(c_in, 3)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        masks, executed = [], 0
        for g in range(len(self.num_layers)):
            for i in range(self.num_layers[g]):
                layer = getattr(self, f"group{g + 1}_layer{i}")
                if layer.down is not None:
                    x = layer(x)
                    continue
                mask, prob = getattr(self, f"group{g + 1}_gate{i}")(x)
                masks.append(prob)
                if mask.item() > 0:
                    x = layer(x)
                    executed += 1
        return self.fc(x.mean((2, 3))), torch.cat(masks), executed


def get_model():
    torch.manual_seed(1)
    net = SkipNet()
    with torch.no_grad():
        for name, p in net.named_parameters():
            if "gate" in name and p.dim() == 2:
                p.mul_(60)
        net.group1_gate0.fc.bias += 5
        net.group1_gate1.fc.bias += 11
        net.group2_gate1.fc.bias -= 2
    return net.eval()


def example_inputs():
    return (torch.ones(1, 1, 8, 8),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 1, 8, 8, generator=g),) for _ in range(14)]

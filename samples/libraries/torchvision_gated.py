"""A torchvision ResNet with gates around its blocks (SkipNet on a library's backbone)."""

import torch
import torchvision
from torch import nn


class GatedResNet(nn.Module):
    def __init__(self, num_classes=5):
        super().__init__()
        self.net = torchvision.models.resnet18(weights=None, num_classes=num_classes)
        self.gates = nn.ModuleDict()
        for name in ("layer1", "layer2", "layer3", "layer4"):
            self.gates[name] = nn.Linear(getattr(self.net, name)[0].conv2.out_channels, 1)

    def forward(self, x):
        net = self.net
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        skipped = 0
        for name, gate in self.gates.items():
            first, second = getattr(net, name)
            x = first(x)
            if gate(x.mean((2, 3))).squeeze() > 0:
                x = second(x)
            else:
                skipped += 1
        return net.fc(torch.flatten(net.avgpool(x), 1)), skipped


def get_model():
    torch.manual_seed(0)
    model = GatedResNet()
    for gate in model.gates.values():
        nn.init.normal_(gate.weight, std=2.0)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

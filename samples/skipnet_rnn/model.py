"""SkipNet with a recurrent gate: one LSTM, shared by all blocks, carries what it saw from gate to gate.

After Wang et al., "SkipNet: Learning Dynamic Routing in Convolutional Networks", ECCV 2018.
"""

import json
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file

HERE = Path(__file__).parent


class RNNGate(nn.Module):
    """Keeps its hidden state as an attribute between the gates of one picture."""

    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.rnn = nn.LSTM(input_dim, hidden_dim)
        self.hidden_dim = hidden_dim
        self.proj = nn.Conv2d(in_channels=hidden_dim, out_channels=1, kernel_size=1)
        self.prob = nn.Sigmoid()
        self.hidden = None

    def init_hidden(self, batch_size, device):
        zeros = torch.zeros(1, batch_size, self.hidden_dim, device=device)
        return zeros, zeros.clone()

    def repackage_hidden(self):
        self.hidden = tuple(h.detach() for h in self.hidden)

    def forward(self, x):
        batch_size = x.size(0)
        if self.hidden is None:
            self.hidden = self.init_hidden(batch_size, x.device)
        out, self.hidden = self.rnn(x.view(1, batch_size, -1), self.hidden)
        out = out.squeeze(0)
        proj = self.proj(out.view(out.size(0), out.size(1), 1, 1)).squeeze()
        prob = self.prob(proj)
        disc_prob = (prob > 0.5).float()
        if self.training:
            disc_prob = disc_prob + prob - prob.detach()
        return disc_prob.view(batch_size, 1, 1, 1), prob.view(batch_size)


class Bottleneck(nn.Module):
    expansion = 2

    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        width = planes * self.expansion
        self.body = nn.Sequential(
            nn.Conv2d(inplanes, planes, 1, bias=False),
            nn.BatchNorm2d(planes),
            nn.ReLU(),
            nn.Conv2d(planes, planes, 3, stride, 1, bias=False),
            nn.BatchNorm2d(planes),
            nn.ReLU(),
            nn.Conv2d(planes, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.downsample = None
        if stride != 1 or inplanes != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        return F.relu(self.body(x) + identity)


class RecurrentGatedResNet(nn.Module):
    def __init__(self, layers=(3, 3, 3), planes=(8, 12, 16), embed_dim=10, hidden_dim=10, num_classes=10):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, planes[0], 3, 2, 1, bias=False), nn.BatchNorm2d(planes[0]), nn.ReLU()
        )
        self.blocks = nn.ModuleList()
        self.embeds = nn.ModuleList()
        inplanes = planes[0]
        for g, (count, p) in enumerate(zip(layers, planes, strict=True)):
            for i in range(count):
                self.blocks.append(Bottleneck(inplanes, p, 2 if g > 0 and i == 0 else 1))
                inplanes = p * Bottleneck.expansion
                # what the gate after this block is told
                self.embeds.append(
                    nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(inplanes, embed_dim, 1), nn.ReLU())
                )
        self.control = RNNGate(embed_dim, hidden_dim)
        self.fc = nn.Linear(inplanes, num_classes)

    def forward(self, x):
        batch_size = x.size(0)
        self.control.hidden = self.control.init_hidden(batch_size, x.device)
        x = self.stem(x)
        masks = []
        gprobs = []
        prev, mask = x, None
        for i, (block, embed) in enumerate(zip(self.blocks, self.embeds, strict=True)):
            if mask is None or block.downsample is not None:
                x = block(x)
            elif self.training:
                x = mask * block(prev) + (1 - mask) * prev
            else:
                x = block(prev) if mask.item() > 0.5 else prev
            prev = x
            if i == len(self.blocks) - 1:
                break
            mask, gprob = self.control(embed(x))
            gprobs.append(gprob)
            masks.append(mask.flatten())
        # the state is not for the next picture
        self.control.hidden = None
        return self.fc(x.mean((2, 3))), masks, gprobs


def get_model():
    config = json.loads((HERE / "config.json").read_text())
    model = RecurrentGatedResNet(tuple(config["layers"]))
    model.load_state_dict(load_file(HERE / "weights.safetensors"), strict=False)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

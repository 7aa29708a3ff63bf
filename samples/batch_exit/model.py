"""A batch from which finished samples leave: each exit answers those it is sure of, the others go on.

The usual way to give an early-exit network (MSDNet, Huang et al., "Multi-Scale Dense Networks for Resource
Efficient Image Classification", ICLR 2018; "anytime" and "budgeted batch" prediction) a whole batch at
once.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Stage(nn.Module):
    def __init__(self, c_in, c_out, stride=2):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class ExitHead(nn.Module):
    def __init__(self, channels, num_classes):
        super().__init__()
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        return self.fc(x.mean(dim=(-2, -1)))


class BatchEarlyExit(nn.Module):
    def __init__(self, widths=(8, 16, 16, 24), num_classes=6, threshold=0.5):
        super().__init__()
        self.stages, self.heads = nn.ModuleList(), nn.ModuleList()
        c = 3
        for w in widths:
            self.stages.append(Stage(c, w))
            self.heads.append(ExitHead(w, num_classes))
            c = w
        self.num_classes = num_classes
        self.threshold = threshold

    def forward(self, images):
        n = images.shape[0]
        out = images.new_zeros(n, self.num_classes)
        exit_of = torch.full((n,), -1, dtype=torch.long, device=images.device)
        remaining = torch.arange(n, device=images.device)
        x = images
        for level, (stage, head) in enumerate(zip(self.stages, self.heads)):
            x = stage(x)
            logits = head(x)
            if level == len(self.stages) - 1:
                out[remaining] = logits
                exit_of[remaining] = level
                break
            done = F.softmax(logits, dim=-1).max(dim=-1).values >= self.threshold
            out[remaining[done]] = logits[done]
            exit_of[remaining[done]] = level
            x, remaining = x[~done], remaining[~done]
            if remaining.numel() == 0:
                break
        return out, exit_of


def get_model():
    torch.manual_seed(0)
    model = BatchEarlyExit()
    for head, std in zip(model.heads, (0.8, 2.0, 5.0, 1.0)):
        nn.init.normal_(head.fc.weight, std=std)
    return model.eval()


def example_inputs():
    return (torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)),)

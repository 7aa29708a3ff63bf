"""A cascade: a small classifier answers what it is sure of, an ensemble of bigger ones sees the rest.

After Wang et al., "Wisdom of Committees: An Overlooked Approach To Faster and More Accurate Models", ICLR
2022, and Viola and Jones, CVPR 2001, for the idea. The policy is an object of its own, chosen by its name.
"""

from typing import Callable, Dict, List, Optional

import torch
import torch.nn as nn

POLICIES: Dict[str, Callable] = {}


def register_policy(name):
    def decorator(cls):
        POLICIES[name] = cls
        return cls

    return decorator


@register_policy("max_prob")
class MaxProbability:
    def __init__(self, thresholds: List[float]):
        self.thresholds = thresholds

    def __call__(self, probs, level):
        return probs.max().item() >= self.thresholds[level]


@register_policy("margin")
class Margin:
    def __init__(self, thresholds: List[float]):
        self.thresholds = thresholds

    def __call__(self, probs, level):
        first, second = probs.flatten().topk(2).values.tolist()
        return first - second >= self.thresholds[level]


def make_cnn(width, depth, num_classes):
    layers: List[nn.Module] = [nn.Conv2d(3, width, 3, 2, 1), nn.ReLU()]
    for i in range(depth):
        layers += [nn.Conv2d(width, width, 3, 2 if i % 2 == 0 else 1, 1), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))


class Cascade(nn.Module):
    def __init__(self, members, policy="margin", thresholds=(0.12, 0.02), average: bool = True):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.policy = POLICIES[policy](list(thresholds))
        self.average = average
        self.last_used: Optional[int] = None

    @torch.inference_mode()
    def forward(self, x):
        votes: List[torch.Tensor] = []
        result = {}
        for level, member in enumerate(self.members):
            votes.append(torch.softmax(member(x), dim=-1))
            probs = torch.stack(votes).mean(0) if self.average else votes[-1]
            result = {"probs": probs, "label": probs.argmax(-1), "members": level + 1}
            if level + 1 == len(self.members) or self.policy(probs, level):
                break
        self.last_used = result["members"]
        return result


def get_model():
    torch.manual_seed(0)
    members = [make_cnn(6, 1, 8), make_cnn(12, 2, 8), make_cnn(24, 4, 8)]
    for m in members:
        nn.init.normal_(m[-1].weight, std=2.0)
    return Cascade(members).eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)

"""`raise` under tensor conditions: builtin and own exceptions, f-strings of static and tensor values."""

import torch
from torch import nn


class DegenerateInput(ValueError):
    pass


class OutOfVocabulary(Exception):
    """Carries more than a message."""


class Checked(nn.Module):
    name = "checked"

    def __init__(self, vocab=10, dim=4):
        super().__init__()
        self.vocab = vocab
        self.embedding = nn.Embedding(vocab, dim)

    def validate(self, ids, weights):
        if (ids < 0).any():
            raise OutOfVocabulary("negative id")
        if ids.max() >= self.vocab:
            raise OutOfVocabulary(f"{self.name}: an id is not below {self.vocab}")
        if torch.isnan(weights).any():
            raise DegenerateInput
        total = weights.sum().item()
        if total <= 0:
            raise DegenerateInput(f"weights sum to {total:.3f}, ids {ids.shape[0]}, {ids.tolist()!r}")

    def forward(self, ids, weights):
        self.validate(ids, weights)
        e = self.embedding(ids) * weights[:, None]
        if e.norm() > 5:
            raise RuntimeError("diverged", int(ids[0]), bool(e.norm() > 60), None)
        return e.sum(0) / weights.sum()


def get_model():
    torch.manual_seed(0)
    return Checked().eval()


def example_inputs():
    return torch.tensor([1, 2, 3]), torch.tensor([0.5, 0.25, 0.25])


def more_inputs():
    w = torch.tensor([0.5, 0.25, 0.25])
    return [
        (torch.tensor([3, 0, 9]), w),
        (torch.tensor([3, -1, 9]), w),
        (torch.tensor([3, 10, 9]), w),
        (torch.tensor([3, 1, 9]), torch.tensor([float("nan"), 1.0, 1.0])),
        (torch.tensor([3, 1, 9]), torch.tensor([-1.0, 0.25, 0.5])),
        (torch.tensor([3, 1, 9]), w * 100),
    ]

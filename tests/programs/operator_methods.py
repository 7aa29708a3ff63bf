"""Operators of a user's classes: reflected methods, NotImplemented, `!=` by `__eq__`, derived classes."""

import torch
from torch import nn


class Score:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        if not isinstance(other, Score):
            return NotImplemented
        return self.value == other.value

    __hash__ = None

    def __lt__(self, other):
        if isinstance(other, Score):
            return bool(self.value < other.value)
        return NotImplemented

    def __add__(self, other):
        if isinstance(other, Score):
            return Score(self.value + other.value if self.value > 0 else other.value)
        return NotImplemented

    def __radd__(self, other):
        if other > 3:
            return Score(self.value - other)
        return Score(self.value + other)

    def __iadd__(self, other):
        if isinstance(other, Score) and other.value > self.value:
            self.value = other.value
            return self
        return NotImplemented


class Weighted(Score):
    def __radd__(self, other):
        if self.value > 1:
            return Weighted(self.value * 2)
        return Weighted(self.value * 3)


class Bonus:
    def __init__(self, size):
        self.size = size

    def __radd__(self, other):
        return self.size + other.value if self.size > 0 else other.value


class Ranking(nn.Module):
    def forward(self, x):
        first = Score(x.sum())
        second = Score(x.sum() if x[0] > 0 else x.mean())
        flags = 0
        if first == second:
            flags += 1
        if first != second:
            flags += 10
        if first == 3:
            flags += 100
        if first != 3:
            flags += 1000
        if first < second:
            flags += 10000
        if second > first:
            flags += 100000
        extra = first + Bonus(x.max())
        both = first + second
        from_number = 2 + first
        derived = first + Weighted(x[1])
        first += second
        try:
            first + "text"
        except TypeError:
            flags += 1000000
        try:
            flags += first < 3
        except TypeError:
            flags += 10000000
        return flags, extra, both.value, from_number.value, derived.value, first.value


def get_model():
    return Ranking().eval()


def example_inputs():
    return (torch.tensor([1.0, 2.0, -0.5]),)


def more_inputs():
    g = torch.Generator().manual_seed(3)
    return [(torch.randn(3, generator=g) * 2,) for _ in range(12)]

"""Exceptions that operations raise on data, caught by the program or on their way through `finally`."""

import math

import torch
from torch import nn


def ratio(hits, total):
    try:
        return hits / total
    except ZeroDivisionError:
        return 0.0


class Guarded(nn.Module):
    def __init__(self):
        super().__init__()
        self.attempts = 0

    def level(self, x):
        try:
            return math.log(x[0].item()) + 7 // int(x[1])
        except ValueError as error:
            return -1.0 if "domain" in str(error) else -3.0
        except (ZeroDivisionError, OverflowError):
            return -2.0

    def weight(self, x):
        index = int(x[2].clamp(-9, 9))
        try:
            return [0.5, 1.5, 2.5][index]
        except IndexError:
            return 9.0

    def row(self, x, index):
        with torch.no_grad():
            try:
                return x[index]
            except IndexError:
                return x.sum()

    def forward(self, x):
        positive = [v for v in x.tolist() if v > 0]
        mean = ratio(sum(positive), len(positive))
        log = []
        try:
            try:
                log.append(1.0 / x[0].item())
            finally:
                self.attempts += 1
                log.append(float(self.attempts))
        except ArithmeticError:
            log.append(-1.0)
        total = 0.0
        for v in x[:2]:
            try:
                total += v.item() % x[2].item()
            except ZeroDivisionError:
                continue
        return x * mean, self.level(x), self.weight(x), self.row(x, int(x[1])), log, total


STATEFUL = True


def get_model():
    return Guarded()


def example_inputs():
    return (torch.ones(3),)


def more_inputs():
    values = [[0, 1, 2], [2, 0, 1], [0, 0, 0], [-1, -2, -3], [5, 1, 1], [-4, 3, 1], [1, -3, -4], [3, 2, 5]]
    return [(torch.tensor(v, dtype=torch.float32),) for v in values]

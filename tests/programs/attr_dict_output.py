"""A config object, and an output that is a dictionary with attributes."""

from collections import OrderedDict
from types import SimpleNamespace

import torch
from torch import nn


class Output(OrderedDict):
    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError as e:
            raise AttributeError(name) from e

    def __setattr__(self, name, value):
        self[name] = value


class Config(SimpleNamespace):
    def get(self, key, default=None):
        return getattr(self, key, default)


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList([nn.Linear(config.hidden, config.hidden) for _ in range(config.layers)])
        self.head = nn.Linear(config.hidden, config.labels)

    def forward(self, x, output_hidden_states=None):
        if output_hidden_states is None:
            output_hidden_states = self.config.get("output_hidden_states", False)
        states = (x,) if output_hidden_states else None
        for layer in self.layers:
            x = torch.tanh(layer(x)) + x
            if output_hidden_states:
                states = (*states, x)
            if self.config.get("early_exit") and x.norm() > self.config.exit_norm:
                break
        result = Output(logits=self.head(x))
        if result.logits.max() > 1:
            result.confident = True
        if states is not None:
            result["hidden_states"] = states
        return result


def get_model():
    torch.manual_seed(2)
    config = Config(hidden=5, layers=4, labels=3, early_exit=True, exit_norm=3.0, output_hidden_states=True)
    return Model(config).eval()


def example_inputs():
    return (torch.ones(1, 5),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 5, generator=g) * (0.2 + 0.4 * (k % 5)),) for k in range(10)]

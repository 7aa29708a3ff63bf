"""super(), hooks by override, static and class methods, `__call__`, `__len__`, `getattr`."""

import torch
from torch import nn


class Policy:
    def __init__(self, bound):
        self.bound = bound

    def __call__(self, x):
        return x.abs().mean() < self.bound


class Base(nn.Module):
    registry: dict = {}  # noqa: RUF012
    use_norm = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        Base.registry[cls.__name__.lower()] = cls

    def __init__(self, dim):
        super().__init__()
        self.fc = nn.Linear(dim, dim)
        self.policy = Policy(0.35)

    @staticmethod
    def squash(x):
        return torch.tanh(x) if x.max() > 1 else x

    @classmethod
    def build(cls, name, *args, **kwargs):
        return cls.registry[name](*args, **kwargs)

    def core(self, x):
        return self.fc(x)

    def forward(self, x):
        x = self.core(x)
        if self.policy(x):
            return getattr(self, "on_small")(x)  # noqa: B009
        return self.squash(x)

    def on_small(self, x):
        return x * 10


class Residual(Base):
    use_norm = True

    def core(self, x):
        y = super().core(x)
        if self.use_norm and y.norm() > 2:
            y = y / y.norm()
        return x + y

    def on_small(self, x):
        y = super().on_small(x)
        return y if y.sum() > 0 else -y


class Pair(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.nets = nn.Sequential(Base.build("residual", dim), Base.build("residual", dim))

    def __len__(self):
        return len(self.nets)

    def forward(self, x):
        return self.nets(x), len(self)


def get_model():
    torch.manual_seed(0)
    return Pair().eval()


def example_inputs():
    return (torch.ones(1, 4),)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 4, generator=g) * (0.1 + 0.5 * k),) for k in range(10)]

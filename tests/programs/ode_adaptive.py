"""An ODE block with step-size control (embedded Heun-Euler), accept and reject."""

import torch
from torch import nn


class ODEFunc(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, 8), nn.Tanh(), nn.Linear(8, dim))
        self.nfe = 0

    def forward(self, t, y):
        self.nfe += 1
        return self.net(y) * (1 + t)


class AdaptiveODE(nn.Module):
    def __init__(self, dim=3, tol=5e-3, dt=0.5, max_steps=40):
        super().__init__()
        self.func = ODEFunc(dim)
        self.tol, self.dt, self.max_steps = tol, dt, max_steps

    def forward(self, y, t_end):
        self.func.nfe = 0
        t = torch.zeros(())
        dt = torch.tensor(self.dt)
        rejected = 0
        for _ in range(self.max_steps):
            if t >= t_end:
                break
            dt = torch.minimum(dt, t_end - t)
            k1 = self.func(t, y)
            k2 = self.func(t + dt, y + dt * k1)
            error = (0.5 * dt * (k2 - k1)).abs().max()
            if error <= self.tol:
                y = y + 0.5 * dt * (k1 + k2)
                t = t + dt
            else:
                rejected += 1
            factor = 0.9 * (self.tol / (error + 1e-10)).sqrt()
            dt = dt * factor.clamp(0.3, 3.0)
        else:
            raise RuntimeError(f"the step size underflowed: {self.max_steps} steps were not enough")
        return y, self.func.nfe, rejected


def get_model():
    torch.manual_seed(0)
    net = AdaptiveODE()
    with torch.no_grad():
        net.func.net[2].weight.mul_(3)
    return net.eval()


def example_inputs():
    return torch.ones(1, 3), torch.tensor(1.0)


def more_inputs():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(1, 3, generator=g), torch.tensor(t)) for t in (0.05, 0.3, 1.0, 2.0, 9.0)]

"""An adaptive solver in the style of ODE libraries: its state in a record, steps written into a buffer, a
function behind wrappers that compare identities, tensors of constants as first step and bounds."""

import enum
from collections import namedtuple

import torch
from torch import nn

State = namedtuple("State", "y f t0 t1 dt coefficients")


class Perturb(enum.Enum):
    NONE = 0
    PREVIOUS = 1
    NEXT = 2


class Perturbed(nn.Module):
    """The derivative, taken a little beside discontinuities where asked."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, t, y, *, perturb=Perturb.NONE):
        if perturb is Perturb.NEXT:
            t = torch.nextafter(t, t + 1)
        elif perturb is Perturb.PREVIOUS:
            t = torch.nextafter(t, t - 1)
        return self.function(t, y)


def optimal_step(last, ratio, safety, factor_up, factor_down):
    if ratio == 0:
        return last * factor_up
    if ratio < 1:
        factor_down = torch.ones((), dtype=last.dtype)
    exponent = torch.tensor(2.0, dtype=last.dtype).reciprocal()
    return last * torch.min(factor_up, torch.max(safety / ratio**exponent, factor_down))


class Solver:
    def __init__(self, function, rtol=1e-2, atol=1e-3):
        self.function = function
        self.rtol, self.atol = rtol, atol
        self.safety, self.up, self.down = (torch.tensor(v) for v in (0.9, 5.0, 0.2))

    def begin(self, y, times):
        f = self.function(times[0], y)
        scale = self.atol + torch.abs(y) * self.rtol
        d0, d1 = torch.linalg.norm(y / scale), torch.linalg.norm(f / scale)
        first = torch.tensor(1e-2) if d0 < 1e-2 or d1 < 1e-2 else 0.05 * d0 / d1
        self.state = State(y, f, times[0], times[0], first, [y] * 3)

    def advance(self, until):
        steps = 0
        while until > self.state.t1:
            assert steps < 30, f"too many steps ({steps})"
            self.state = self.step(self.state)
            steps += 1
        left, right, start = self.state.coefficients
        x = (until - self.state.t0) / (self.state.t1 - self.state.t0)
        return start + x * (left + x * right)

    def step(self, state):
        y, f, _, t, dt, coefficients = state
        assert t + dt > t, f"the step became too small: {dt}"
        assert torch.isfinite(y).all(), "not finite: {}".format(y)  # noqa: UP032
        stages = torch.empty(*f.shape, 2)
        stages[..., 0] = f
        middle = self.function(t + dt, y + dt * f, perturb=Perturb.PREVIOUS)
        stages[..., 1] = middle
        new = y + dt * stages.mean(-1)
        error = dt * (stages[..., 1] - stages[..., 0]) / 2
        ratio = (error / (self.atol + self.rtol * torch.max(y.abs(), new.abs()))).abs().max()
        if ratio <= 1:
            coefficients = [new - y, torch.zeros_like(y), y]
            state = State(new, self.function(t + dt, new), t, t + dt, dt, coefficients)
        return state._replace(dt=optimal_step(dt, ratio, self.safety, self.up, self.down))


class Oscillator(nn.Module):
    def __init__(self):
        super().__init__()
        self.damping = nn.Parameter(torch.tensor(0.4))

    def forward(self, t, y):
        return torch.stack([y[..., 1], -self.damping * y[..., 1] - 2 * y[..., 0] + 0.1 * t], -1)


class Integral(nn.Module):
    def __init__(self):
        super().__init__()
        self.function = Perturbed(Oscillator())

    def forward(self, y, times):
        solver = Solver(self.function)
        solution = torch.empty(len(times), *y.shape)
        solution[0] = y
        solver.begin(y, times)
        for i in range(1, len(times)):
            solution[i] = solver.advance(times[i])
        return solution


def get_model():
    return Integral()


def example_inputs():
    return torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.3, 0.8])


def more_inputs():
    return [
        (torch.tensor(y), torch.tensor(times))
        for y, times in (
            ([1.0, 0.0], [0.0, 0.1, 0.2]),
            ([0.0, 0.0], [0.0, 0.5, 1.0]),
            ([3.0, -2.0], [0.0, 0.4, 2.0]),
            ([0.5, 0.5], [0.0, 0.02, 0.3]),
            ([9.0, 4.0], [0.0, 1.0, 3.0]),
        )
    ]

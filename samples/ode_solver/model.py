"""A neural ODE with an adaptive Dormand-Prince solver: the error estimate decides on every step.

After Chen et al., "Neural Ordinary Differential Equations", NeurIPS 2018; the solver is in the style of
torchdiffeq: a Butcher tableau in named tuples, a step that may be rejected.
"""

import collections

import torch
import torch.nn as nn

_ButcherTableau = collections.namedtuple("_ButcherTableau", "alpha, beta, c_sol, c_error")
_RungeKuttaState = collections.namedtuple("_RungeKuttaState", "y1, f1, t1, dt")

_DORMAND_PRINCE = _ButcherTableau(
    alpha=[1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0],
    beta=[
        [1 / 5],
        [3 / 40, 9 / 40],
        [44 / 45, -56 / 15, 32 / 9],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
        [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
    ],
    c_sol=[35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0],
    c_error=[
        35 / 384 - 1951 / 21600,
        0,
        500 / 1113 - 22642 / 50085,
        125 / 192 - 451 / 720,
        -2187 / 6784 - -12231 / 42400,
        11 / 84 - 649 / 6300,
        -1.0 / 60.0,
    ],
)


def _scaled_dot_product(scale, xs, ys):
    """Sum of scale * x * y over the lists."""
    return sum([(scale * x) * y for x, y in zip(xs, ys) if x != 0])


def _runge_kutta_step(func, y0, f0, t0, dt, tableau):
    k = [f0]
    for alpha_i, beta_i in zip(tableau.alpha, tableau.beta):
        ti = t0 + alpha_i * dt
        yi = y0 + _scaled_dot_product(dt, beta_i, k)
        k.append(func(ti, yi))
    if not (tableau.c_sol[-1] == 0 and tableau.c_sol[:-1] == tableau.beta[-1]):
        yi = y0 + _scaled_dot_product(dt, tableau.c_sol, k)
    y1_error = _scaled_dot_product(dt, tableau.c_error, k)
    return yi, k[-1], y1_error


def _error_ratio(error, rtol, atol, y0, y1):
    tol = atol + rtol * torch.max(y0.abs(), y1.abs())
    return (error / tol).pow(2).mean().sqrt()


def _optimal_step_size(last_step, error_ratio, safety=0.9, ifactor=10.0, dfactor=0.2, order=5):
    if error_ratio == 0:
        return last_step * ifactor
    if error_ratio < 1:
        dfactor = 1.0
    exponent = 1.0 / order
    factor = torch.clamp(safety / error_ratio**exponent, min=dfactor, max=ifactor)
    return last_step * factor


class Dopri5Solver:
    def __init__(self, func, y0, rtol, atol, max_num_steps=200):
        self.func, self.y0, self.rtol, self.atol = func, y0, rtol, atol
        self.max_num_steps = max_num_steps
        self.nfe = 0

    def _evaluate(self, t, y):
        self.nfe += 1
        return self.func(t, y)

    def integrate(self, t0, t1, first_step):
        f0 = self._evaluate(t0, self.y0)
        state = _RungeKuttaState(self.y0, f0, t0, first_step)
        n_steps = 0
        while state.t1 < t1:
            assert n_steps < self.max_num_steps, f"max_num_steps exceeded ({n_steps}>={self.max_num_steps})"
            state = self._adaptive_step(state, t1)
            n_steps += 1
        return state.y1, n_steps

    def _adaptive_step(self, state, end):
        y0, f0, t0, dt = state
        dt = torch.minimum(dt, end - t0)
        y1, f1, y1_error = _runge_kutta_step(self._evaluate, y0, f0, t0, dt, _DORMAND_PRINCE)
        ratio = _error_ratio(y1_error, self.rtol, self.atol, y0, y1)
        accept = bool((ratio <= 1).all())
        y_next = y1 if accept else y0
        f_next = f1 if accept else f0
        t_next = t0 + dt if accept else t0
        return _RungeKuttaState(y_next, f_next, t_next, _optimal_step_size(dt, ratio))


class ODEFunc(nn.Module):
    def __init__(self, dim=2, hidden=16):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim + 1, hidden), nn.Tanh(), nn.Linear(hidden, dim))

    def forward(self, t, y):
        tt = torch.ones_like(y[:, :1]) * t
        return self.net(torch.cat([tt, y**3], 1))


class NeuralODE(nn.Module):
    def __init__(self, rtol=1e-3, atol=1e-4):
        super().__init__()
        self.odefunc = ODEFunc()
        self.rtol, self.atol = rtol, atol

    def forward(self, y0, t1):
        solver = Dopri5Solver(self.odefunc, y0, self.rtol, self.atol)
        y, n_steps = solver.integrate(torch.zeros(()), t1, first_step=torch.tensor(0.1))
        return y, n_steps, solver.nfe


def get_model():
    torch.manual_seed(0)
    model = NeuralODE()
    for p in model.odefunc.parameters():
        nn.init.normal_(p, std=0.5)
    return model.eval()


def example_inputs():
    return (torch.tensor([[1.0, 0.5]]), torch.tensor(1.0))

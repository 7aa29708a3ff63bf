"""A plain function, no module: bisection with a tensor criterion and chained calls of helpers."""

import torch


def objective(x, coef):
    return coef[0] * x**3 + coef[1] * x + coef[2]


def bisect(coef, lo, hi, tol=1e-3):
    f_lo = objective(lo, coef)
    f_hi = objective(hi, coef)
    if f_lo * f_hi > 0:
        raise ArithmeticError("the root is not bracketed")
    n = 0
    while hi - lo > tol:
        mid = (lo + hi) / 2
        f_mid = objective(mid, coef)
        if f_mid == 0:
            return mid, n
        if f_lo * f_mid < 0:
            hi = mid
        else:
            lo, f_lo = mid, f_mid
        n += 1
    return (lo + hi) / 2, n


def get_model():
    return bisect


def example_inputs():
    return torch.tensor([1.0, 1.0, -1.0]), torch.tensor(0.0), torch.tensor(1.0)


def more_inputs():
    coef = torch.tensor([1.0, 1.0, -1.0])
    spans = [(0.0, 1.0), (-2.0, 2.0), (0.0, 8.0), (2.0, 3.0)]
    runs = [(coef, torch.tensor(a), torch.tensor(b)) for a, b in spans]
    return [*runs, (torch.tensor([0.0, 1.0, -0.5]), torch.tensor(0.0), torch.tensor(1.0))]

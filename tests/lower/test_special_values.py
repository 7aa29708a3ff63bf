"""Operators on zeros, tiny, huge and infinite numbers and on nan: the engine answers what PyTorch does.

Left out is what PyTorch does not promise (the order of equal values in ``topk``, nan in ``unique``), and
what overflows in float32 where its kernel happens to use more bits (``std`` and ``layer_norm`` of 1e20).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.lower.harness import check

SPECIAL = [math.inf, -math.inf, math.nan]
FINITE = [0.0, 1e-30, 1e-8, 1e-4, 0.3, 1.0, 3.5, 20.0, 88.0, 89.5, 100.0, 150.0, 1e4, 1e10, 1e20]
X = torch.tensor([*FINITE, *(-value for value in FINITE), *SPECIAL])
ROWS = torch.tensor(
    [
        [1, 2, 3, -1],
        [100, -100, 50, 200],
        [1e10, 2e10, -1e10, 3],
        [1e-20, 2e-20, -1e-20, 0],
        [math.inf, 1, 2, 3],
        [-math.inf, 1, 2, -3],
        [-math.inf, -math.inf, -math.inf, -math.inf],
        [math.inf, -math.inf, 0, 1],
        [math.nan, 1, 2, 3],
        [1, 2, 3, math.nan],
        [3, math.nan, 2, math.nan],
        [math.nan, math.nan, math.nan, math.nan],
        [0, 0, 0, 0],
        [1, 1, 1, 1],
        [math.inf, math.inf, math.inf, math.inf],
    ]
)
SOME = torch.tensor([0.0, -0.0, 1.0, -1.0, 0.3, -2.5, 100.0, -100.0, 1e30, -1e30, *SPECIAL])
A, B = (side.reshape(-1).clone() for side in torch.meshgrid(SOME, SOME, indexing="ij"))

UNARY: dict[str, Callable[[torch.Tensor], Any]] = {
    name: getattr(torch, name)
    for name in (
        "exp exp2 expm1 log log2 log10 log1p sigmoid tanh sinh cosh asinh acosh atanh sin cos tan asin "
        "acos atan erf erfc sqrt rsqrt reciprocal abs neg sign sgn signbit round floor ceil trunc frac "
        "square relu nan_to_num isnan isinf isfinite isposinf isneginf logit deg2rad sinc"
    ).split()
}
UNARY |= {
    name: getattr(F, name)
    for name in (
        "gelu silu mish softplus softsign hardtanh hardsigmoid hardswish elu selu celu leaky_relu "
        "logsigmoid tanhshrink softshrink hardshrink relu6"
    ).split()
}
UNARY |= {
    "gelu-tanh": lambda x: F.gelu(x, approximate="tanh"),
    "softplus-2": lambda x: F.softplus(x, 2.0, 3.0),
    "log_ndtr": torch.special.log_ndtr,
    "ndtr": torch.special.ndtr,
    "entr": torch.special.entr,
    "powers": lambda x: (x**2, x**3, x**-1, x.abs() ** 1.5, 2**x, x**0.5, x**-0.5),
    "clamp": lambda x: x.clamp(-2, 2),
}
BINARY: dict[str, Callable[[torch.Tensor, torch.Tensor], Any]] = {
    name: getattr(torch, name)
    for name in (
        "add sub mul div atan2 hypot fmod remainder maximum minimum fmax fmin logaddexp logaddexp2 "
        "copysign floor_divide xlogy pow lt eq nextafter float_power isclose"
    ).split()
}
BINARY |= {
    "div-floor": lambda a, b: torch.div(a, b, rounding_mode="floor"),
    "div-trunc": lambda a, b: torch.div(a, b, rounding_mode="trunc"),
    "smooth_l1": lambda a, b: F.smooth_l1_loss(a, b, reduction="none"),
    "huber": lambda a, b: F.huber_loss(a, b, reduction="none"),
    "bce_logits": lambda a, b: F.binary_cross_entropy_with_logits(a, b.clamp(0, 1), reduction="none"),
    "kl_div": lambda a, b: F.kl_div(a, b.abs(), reduction="none"),
}
REDUCTIONS: dict[str, Callable[[torch.Tensor], Any]] = {
    name: lambda x, name=name: getattr(x, name)(-1)
    for name in (
        "softmax log_softmax logsumexp sum mean prod max min amax amin argmax argmin var cumsum cumprod "
        "cummax cummin logcumsumexp median nansum nanmean any all count_nonzero"
    ).split()
}
REDUCTIONS |= {
    "norms": lambda x: tuple(x.norm(p, -1) for p in (0, 1, 2, 3, math.inf)),
    "diff": lambda x: x.diff(dim=-1),
    "normalize": lambda x: F.normalize(x, dim=-1),
    "sort": lambda x: x.sort(-1).values,
    "argmax of all": lambda x: (x.argmax(), x.argmin(), x.max(), x.min(), x.median()),
    "aminmax": lambda x: torch.aminmax(x, dim=-1),
    "rms_norm": lambda x: F.rms_norm(x, (4,)),
    "quantile": lambda x: x.quantile(0.3, dim=-1),
    "searchsorted": lambda x: torch.searchsorted(torch.tensor([-1.0, 0.0, 1.0]), x),
    "bucketize": lambda x: torch.bucketize(x, torch.tensor([-1.0, 0.0, 1.0]), right=True),
    "isin": lambda x: torch.isin(x, torch.tensor([1.0, 0.0])),
    "cdist": lambda x: torch.cdist(x[:4], x[:4]),
}
QUICK = {"log_ndtr", "hypot", "xlogy", "max", "argmin", "argmax of all", "cummax", "median", "searchsorted"}


def _cases(operators: dict[str, Any]) -> list[Any]:
    return [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow, id=name) for name in operators
    ]


@pytest.mark.parametrize("name", _cases(UNARY))
def test_of_one_tensor(name: str) -> None:
    with torch.backends.mkldnn.flags(enabled=False):  # whose gelu of inf is nan on some processors
        check(UNARY[name], X)


@pytest.mark.parametrize("name", _cases(BINARY))
def test_of_two_tensors(name: str) -> None:
    check(BINARY[name], A, B)


@pytest.mark.parametrize("name", _cases(REDUCTIONS))
def test_over_an_axis(name: str) -> None:
    check(REDUCTIONS[name], ROWS)

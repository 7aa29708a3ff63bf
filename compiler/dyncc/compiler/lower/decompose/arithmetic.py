"""Arithmetic: numbers known at run time, Python's rounding of divisions, functions that ONNX lacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from dyncc.compiler.lower.decompose.registry import DECOMPOSITIONS, decomposes, is_symbolic, number

aten = torch.ops.aten
_SAMPLES: tuple[tuple[type, Any], ...] = ((torch.SymBool, True), (torch.SymInt, 1), (torch.SymFloat, 1.0))


def _sample(value: Any) -> Any:
    """A number of the same Python type, for promotion."""
    return next((sample for kind, sample in _SAMPLES if isinstance(value, kind)), value)


def _promoted(one: Any, other: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Two operands, one of them a tensor, as tensors of the dtype in which PyTorch computes."""
    dtype = torch.result_type(_sample(one), _sample(other))

    def tensor(value: Any) -> torch.Tensor:
        return value.to(dtype) if isinstance(value, torch.Tensor) else number(value, dtype)

    return tensor(one), tensor(other)


# ------------------------------------------------------------------- numbers known at run time


def _with_number(tensor_form: Callable[..., torch.Tensor]) -> Callable[..., Any]:
    """``op(tensor, number)`` as ``op(tensor, tensor)``, where the number is known only at run time.

    Two tensors of different dtypes are brought to one: the translations of comparisons leave that out.
    """

    def decomposed(self: Any, other: Any, *, alpha: Any = 1) -> Any:
        both = isinstance(self, torch.Tensor) and isinstance(other, torch.Tensor)
        mixed = both and other.dtype != self.dtype
        if not (mixed or is_symbolic(other) or is_symbolic(self) or is_symbolic(alpha)):
            return NotImplemented
        one, two = _promoted(self, other)
        if is_symbolic(alpha) or alpha != 1:
            two = two * number(alpha, two.dtype)
        return tensor_form(one, two)

    return decomposed


for _name in (
    *("add", "sub", "mul", "eq", "ne", "lt", "le", "gt", "ge", "fmod"),
    *("bitwise_and", "bitwise_or", "bitwise_xor"),
):
    _overloads = getattr(aten, _name)
    DECOMPOSITIONS[_overloads.Scalar] = _with_number(_overloads.Tensor)
    DECOMPOSITIONS[_overloads.Tensor] = _with_number(_overloads.Tensor)
DECOMPOSITIONS[aten.pow.Tensor_Scalar] = _with_number(aten.pow.Tensor_Tensor)
DECOMPOSITIONS[aten.pow.Scalar] = _with_number(aten.pow.Tensor_Tensor)


@decomposes(aten.div.Scalar, aten.div.Tensor)
def div(self: Any, other: Any) -> Any:
    if not (is_symbolic(other) or is_symbolic(self)):
        return NotImplemented
    one, two = _promoted(self, other)
    if not one.is_floating_point():
        one, two = one.to(torch.get_default_dtype()), two.to(torch.get_default_dtype())
    return aten.div.Tensor(one, two)


@decomposes(aten.rsub.Scalar, aten.rsub.Tensor)
def rsub(self: torch.Tensor, other: Any, alpha: Any = 1) -> torch.Tensor:
    one, two = _promoted(self, other)
    if is_symbolic(alpha) or alpha != 1:
        one = one * number(alpha, one.dtype)
    return two - one


# --------------------------------------------------------------------------------- divisions


@decomposes(aten.floor_divide.default, aten.floor_divide.Scalar)
def floor_divide(self: Any, other: Any) -> torch.Tensor:
    """As ATen's ``div_floor_floating``: ``1.0 // 0.1`` is 9, which ``floor(1.0 / 0.1)`` is not."""
    both = isinstance(self, torch.Tensor) and isinstance(other, torch.Tensor) and self.dtype == other.dtype
    one, two = _promoted(self, other)
    if not one.is_floating_point():
        return NotImplemented if both else aten.floor_divide.default(one, two)
    rest = torch.fmod(one, two)
    quotient = (one - rest) / two
    quotient = torch.where((rest != 0) & ((two < 0) != (rest < 0)), quotient - 1, quotient)
    floor = quotient.floor()
    floor = torch.where(quotient - floor > 0.5, floor + 1, floor)
    return torch.where(two == 0, one / two, floor)


@decomposes(aten.div.Tensor_mode, aten.div.Scalar_mode)
def div_mode(self: Any, other: Any, *, rounding_mode: str | None) -> torch.Tensor:
    if rounding_mode == "floor":
        return floor_divide_any(self, other)
    if rounding_mode is None:
        return torch.true_divide(self, other)
    one, two = _promoted(self, other)
    if one.is_floating_point():
        return (one / two).trunc()
    rest = torch.fmod(one, two)
    return aten.floor_divide.default(one - rest, two)  # exact, so that every rounding is the same


def floor_divide_any(self: Any, other: Any) -> torch.Tensor:
    """``floor_divide`` whatever of the two is a number."""
    return aten.floor_divide.default(*_promoted(self, other))


@decomposes(aten.remainder.Tensor, aten.remainder.Scalar, aten.remainder.Scalar_Tensor)
def remainder(self: Any, other: Any) -> Any:
    one, two = _promoted(self, other)
    if not one.is_floating_point():
        if isinstance(self, torch.Tensor) and isinstance(other, torch.Tensor) and self.dtype == other.dtype:
            return NotImplemented
        return aten.remainder.Tensor(one, two)
    rest = torch.fmod(one, two)
    return torch.where((rest != 0) & ((two < 0) != (rest < 0)), rest + two, rest)


# --------------------------------------------------------------------------------------- bits


@decomposes(
    aten.__lshift__.Scalar,
    aten.__lshift__.Tensor,
    aten.bitwise_left_shift.Tensor,
    aten.bitwise_left_shift.Tensor_Scalar,
)
def shift_left(self: torch.Tensor, other: Any) -> torch.Tensor:
    if isinstance(other, int):
        return self * number(2**other, self.dtype)
    one, by = _promoted(self, other)
    within = (by >= 0) & (by < torch.iinfo(one.dtype).bits)
    return torch.where(within, one * _power_of_two(by).to(one.dtype), 0)


@decomposes(
    aten.__rshift__.Scalar,
    aten.__rshift__.Tensor,
    aten.bitwise_right_shift.Tensor,
    aten.bitwise_right_shift.Tensor_Scalar,
)
def shift_right(self: torch.Tensor, other: Any) -> torch.Tensor:
    """Arithmetic, so a division that rounds down. ONNX shifts unsigned numbers only."""
    if isinstance(other, int):
        return aten.floor_divide.default(self, number(2**other, self.dtype))
    one, by = _promoted(self, other)
    sign = 0 if one.dtype is torch.uint8 else 1
    within = (by >= 0) & (by < torch.iinfo(one.dtype).bits - sign)
    factor = _power_of_two(torch.where(within, by, 0))
    shifted = aten.floor_divide.default(one.to(torch.int64), factor).to(one.dtype)
    return torch.where(within, shifted, torch.where(one < 0, -1, 0).to(one.dtype))


def _power_of_two(exponent: torch.Tensor) -> torch.Tensor:
    """Of exponents from 0 to 63, exactly (ONNX Runtime's powers are those of double precision)."""
    left = exponent.to(torch.int64)
    power = torch.ones_like(left)
    for bit in range(6):
        power = torch.where(left % 2 == 1, power * 2 ** (2**bit), power)
        left = left // 2
    return power


# -------------------------------------------------------------------------------- one operand


@decomposes(aten.floor.default, aten.ceil.default, aten.round.default, aten.trunc.default)
def rounded(self: torch.Tensor) -> Any:
    return NotImplemented if self.is_floating_point() else self.clone()


@decomposes(aten.sign.default, aten.sgn.default)
def sign(self: torch.Tensor) -> torch.Tensor:
    """PyTorch's sign of nan is 0, ONNX's is nan."""
    if self.dtype is torch.bool:
        return self.clone()
    return (self > 0).to(self.dtype) - (self < 0).to(self.dtype)


@decomposes(aten.signbit.default)
def signbit(self: torch.Tensor) -> torch.Tensor:
    if not self.is_floating_point():
        return self < 0
    return (self < 0) | ((self == 0) & (1 / self < 0))


@decomposes(aten.copysign.Tensor, aten.copysign.Scalar)
def copysign(self: torch.Tensor, other: Any) -> torch.Tensor:
    if not isinstance(other, torch.Tensor):
        return -self.abs() if math.copysign(1.0, other) < 0 else self.abs()
    dtype = torch.result_type(self, other)
    dtype = dtype if dtype.is_floating_point else torch.get_default_dtype()
    size = self.to(dtype).abs()
    return torch.where(torch.signbit(other), -size, size)


@decomposes(aten.clamp_min.default)
def clamp_min(self: torch.Tensor, min: Any) -> torch.Tensor:
    """The translation's Clip without a maximum takes the largest finite number for it."""
    return torch.maximum(*_promoted(self, min))


@decomposes(aten.clamp_max.default)
def clamp_max(self: torch.Tensor, max: Any) -> torch.Tensor:
    return torch.minimum(*_promoted(self, max))


@decomposes(aten.clamp.default)
def clamp(self: torch.Tensor, min: Any = None, max: Any = None) -> Any:
    if min is not None and max is not None:
        return NotImplemented
    return clamp_max(self, max) if min is None else clamp_min(self, min)


@decomposes(aten.logaddexp.default)
def logaddexp(self: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The translation's exponentials overflow."""
    high, low = torch.maximum(self, other), torch.minimum(self, other)
    return torch.where(high == low, high + math.log(2), high + torch.log1p(torch.exp(low - high)))


@decomposes(aten.logaddexp2.default)
def logaddexp2(self: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    high, low = torch.maximum(self, other), torch.minimum(self, other)
    return torch.where(high == low, high + 1, high + torch.log1p(torch.exp2(low - high)) / math.log(2))


@decomposes(aten.logit.default)
def logit(self: torch.Tensor, eps: float | None = None) -> torch.Tensor:
    """The translation loses nan."""
    inside = self if eps is None else self.clamp(eps, 1 - eps)
    return torch.log(inside / (1 - inside))


@decomposes(aten.atan2.default)
def atan2(self: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """As C's: atan2(0, -1) is pi and atan2(-0, -1) is -pi; two infinities are a diagonal."""
    up, right = _promoted(self, other)
    if not up.is_floating_point():
        up, right = up.to(torch.get_default_dtype()), right.to(torch.get_default_dtype())
    high, wide = up.abs(), right.abs()
    slope = torch.where(high == wide, torch.ones_like(high), high / wide)
    angle = torch.where((high == 0) & (wide == 0), torch.zeros_like(high), slope.atan())
    angle = torch.where(_is_negative(right), math.pi - angle, angle)
    return torch.where(_is_negative(up), -angle, angle)


def _is_negative(x: torch.Tensor) -> torch.Tensor:
    """The sign bit, of zeros too."""
    return (x < 0) | ((x == 0) & (1 / x < 0))


_ERFC_SERIES = (
    *(0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196),
    *(1.00002368, -1.26551223),
)


@decomposes(aten.erfc.default, aten.special_erfc.default)
def erfc(self: torch.Tensor) -> torch.Tensor:
    """The translation, 1 - erf(x), is 0 from 4 up. Chebyshev fit, 1.2e-7 of the value everywhere
    (Press et al., Numerical Recipes in C, 6.2)."""
    x = self if self.is_floating_point() else self.to(torch.get_default_dtype())
    t = 1 / (1 + 0.5 * x.abs())
    series = torch.zeros_like(t)
    for coefficient in _ERFC_SERIES:
        series = series * t + coefficient
    return torch.where(x > 1, t * torch.exp(series - x * x), 1 - torch.erf(x))


def _is_infinite(like: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., Any]:
    """The translations round doubles to single precision first, in which more is infinite."""
    return lambda self: like(self) == math.inf if self.dtype == torch.float64 else NotImplemented


DECOMPOSITIONS |= {
    aten.isinf.default: _is_infinite(torch.abs),
    aten.isposinf.default: _is_infinite(lambda x: x),
    aten.isneginf.default: _is_infinite(torch.neg),
}


@decomposes(aten.nextafter.default)
def nextafter(self: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The neighbour of a number: a little more than half of the distance is added, which rounds to it.

    That is ``|x| * eps / 2``, taken of a multiple of small numbers lest it be too small for a little more;
    the smallest ones are all equally far apart.
    """
    info = torch.finfo(self.dtype)
    scale = torch.where(self.abs() < 1, 2.0**60, 1.0).to(self.dtype)
    large = self * scale
    distance = large.abs() * (info.eps / 2 * (1 + 2.0**-20))
    moved = torch.where(other > self, large + distance, large - distance) / scale
    smallest = torch.full_like(self, info.tiny * info.eps)
    beside = torch.where(other > self, self + smallest, self - smallest)
    moved = torch.where(self.abs() < 2 * info.tiny, beside, moved)
    moved = torch.where(torch.isinf(self), torch.sign(self) * info.max, moved)  # towards the other side
    moved = torch.where(torch.isnan(self + other) & (self != -other), self + other, moved)
    return torch.where(self == other, other, moved)


@decomposes(aten.xlogy.Tensor)
def xlogy(self: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The translation loses nan."""
    one, two = _promoted(self, other)
    return torch.where(two.isnan(), math.nan, torch.where(one == 0, 0, one * torch.log(two)))


_ERFCX = (-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
          -0.82215223, 0.17087277)  # fmt: skip


def _log_erfcx(z: torch.Tensor) -> torch.Tensor:
    """``log(exp(z²) · erfc(z))`` for ``z >= 0``, within 1.2e-7 (Press et al., Numerical Recipes, 6.2)."""
    t = 1 / (1 + z / 2)
    sum = torch.zeros_like(t)
    for coefficient in reversed(_ERFCX):
        sum = sum * t + coefficient
    return torch.log(t) + sum


@decomposes(aten.special_log_ndtr.default)
def log_ndtr(self: torch.Tensor) -> torch.Tensor:
    """The decomposition takes the logarithm of what vanishes."""
    z = self * math.sqrt(0.5)
    low = _log_erfcx(z.neg().clamp(min=0)) - z * z - math.log(2)
    return torch.where(self < -1, low, torch.log1p(-torch.erfc(z) / 2))


@decomposes(aten.hypot.default)
def hypot(self: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Without squares of large or small numbers."""
    one, two = _promoted(self, other)
    one, two = one.abs(), two.abs()
    high, low = torch.maximum(one, two), torch.minimum(one, two)
    ratio = low / torch.where(high == 0, 1, high)
    length = high * torch.sqrt(1 + ratio * ratio)
    return torch.where(torch.isinf(one) | torch.isinf(two), math.inf, length)


@decomposes(aten.fmax.default)
def fmax(self: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    one, two = _promoted(self, other)
    if not one.is_floating_point():
        return torch.maximum(one, two)
    return torch.where(one.isnan(), two, torch.where(two.isnan(), one, torch.maximum(one, two)))


@decomposes(aten.fmin.default)
def fmin(self: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    one, two = _promoted(self, other)
    if not one.is_floating_point():
        return torch.minimum(one, two)
    return torch.where(one.isnan(), two, torch.where(two.isnan(), one, torch.minimum(one, two)))


def _double_only(form: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], Any]:
    """A formula for float64, for which ONNX Runtime has no kernel; float32 has one."""
    return lambda self: form(self) if self.dtype is torch.float64 else NotImplemented


def _asinh(x: torch.Tensor) -> torch.Tensor:
    size = x.abs()
    return torch.copysign(torch.log(size + torch.sqrt(size * size + 1)), x)


DECOMPOSITIONS |= {
    aten.tan.default: _double_only(lambda x: x.sin() / x.cos()),
    aten.sinh.default: _double_only(lambda x: (x.exp() - (-x).exp()) / 2),
    aten.cosh.default: _double_only(lambda x: (x.exp() + (-x).exp()) / 2),
    aten.asinh.default: _double_only(_asinh),
    aten.acosh.default: _double_only(lambda x: torch.log(x + torch.sqrt(x * x - 1))),
    aten.atanh.default: _double_only(lambda x: torch.log((1 + x) / (1 - x)) / 2),
}

"""Calls that must mean the same in PyTorch and in ONNX Runtime: tensors, indices, numbers.

``CASES`` maps a name to a function of no arguments that gives (function, inputs).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

Case = tuple[Callable[..., Any], tuple[torch.Tensor, ...]]
CASES: dict[str, Case] = {}


def add(name: str, function: Callable[..., Any], *inputs: torch.Tensor) -> None:
    assert name not in CASES, name
    CASES[name] = (function, inputs)


torch.manual_seed(0)
F32 = torch.randn(4, 6)
F64 = torch.randn(4, 6, dtype=torch.float64)
I64 = torch.randint(-9, 9, (4, 6))
I32 = torch.randint(-9, 9, (4, 6), dtype=torch.int32)
U8 = torch.randint(0, 255, (4, 6), dtype=torch.uint8)
I8 = torch.randint(-100, 100, (4, 6), dtype=torch.int8)
I16 = torch.randint(-100, 100, (4, 6), dtype=torch.int16)
B = torch.rand(4, 6) > 0.5
POS = torch.rand(4, 6) + 0.1
NAN = torch.tensor([1.0, math.nan, -math.inf, math.inf, -0.0, 2.5])
N3, NEG2, ZERO = torch.tensor(3), torch.tensor(-2), torch.tensor(0)
FLT = torch.tensor(2.5, dtype=torch.float64)
YES = torch.tensor(True)
X3 = torch.randn(2, 3, 5)
DTYPES = {"f32": F32, "f64": F64, "i64": I64, "i32": I32, "u8": U8, "i8": I8, "i16": I16, "bool": B}
_KINDS = ("f32", "f64", "i64", "i32", "bool")


def each(name: str, function: Callable[..., Any], *dtypes: str) -> None:
    for dtype in dtypes or _KINDS:
        add(f"{name}-{dtype}", function, DTYPES[dtype])


# ------------------------------------------------------------------------------------ arithmetic
for _name in (
    "add",
    "sub",
    "mul",
    "true_divide",
    "floor_divide",
    "remainder",
    "fmod",
    "maximum",
    "minimum",
):
    _f = getattr(torch, _name)
    for _a, _b in (
        ("f32", "f32"),
        ("f64", "f32"),
        ("i64", "i64"),
        ("i32", "i64"),
        ("i32", "f32"),
        ("i64", "f64"),
    ):
        _other = DTYPES[_b].roll(1, 0)
        if not _other.is_floating_point():
            _other = torch.where(_other == 0, 3, _other).to(_other.dtype)
        add(f"{_name}-{_a}-{_b}", _f, DTYPES[_a], _other)
for _name in ("u8", "i8", "i16"):
    add(f"add-{_name}", torch.add, DTYPES[_name], DTYPES[_name])
    add(f"mul-{_name}-scalar", lambda x: x * 2, DTYPES[_name])
    add(f"sum-{_name}", lambda x: x.sum(), DTYPES[_name])
    add(f"to-float-{_name}", lambda x: x / 255, DTYPES[_name])
    add(f"compare-{_name}", lambda x: x > 3, DTYPES[_name])
    add(f"floordiv-{_name}", lambda x: x // 3, DTYPES[_name])
    add(f"max-{_name}", lambda x: x.max(), DTYPES[_name])
    add(f"where-{_name}", lambda x: torch.where(x > 3, x, 0), DTYPES[_name])
each("floordiv-scalar", lambda x: x // 2, "f32", "f64", "i64", "i32")
each("floordiv-neg-scalar", lambda x: x // -3, "f32", "f64", "i64", "i32")
each("remainder-scalar", lambda x: x % 3, "f32", "f64", "i64", "i32")
each("remainder-neg-scalar", lambda x: x % -3, "f32", "f64", "i64", "i32")
each("fmod-scalar", lambda x: torch.fmod(x, 3), "f32", "f64", "i64", "i32")
each("rsub", lambda x: 1 - x, "f32", "f64", "i64", "i32")
each("rdiv", lambda x: 1 / (x + 20), "f32", "f64", "i64", "i32")
each("rpow", lambda x: 2**x, "f32", "f64")
each("rfloordiv", lambda x: 7 // (x + 20), "f32", "i64", "i32")
each("add-float", lambda x: x + 1.5)
each("mul-float", lambda x: x * 0.5)
each("mul-int", lambda x: x * 3)
each("div-int", lambda x: x / 3)
each("div-trunc", lambda x: torch.div(x, 4, rounding_mode="trunc"), "f32", "f64", "i64", "i32")
each("div-floor", lambda x: torch.div(x, 4, rounding_mode="floor"), "f32", "f64", "i64", "i32")
each("pow2", lambda x: x**2, "f32", "f64", "i64", "i32")
each("pow3", lambda x: x**3, "f32", "f64", "i64", "i32")
each("pow-half", lambda x: x.abs() ** 0.5, "f32", "f64", "i64", "i32")
each("pow-neg", lambda x: (x.abs() + 1) ** -1.0, "f32", "f64", "i64")
add("pow-tensor", torch.pow, POS, F32)
add("pow-int-tensor", torch.pow, I64, I64.abs() % 4)
each("abs-neg-sign", lambda x: (x.abs(), -x, x.sign()), "f32", "f64", "i64", "i32", "i8")
each("square-clamp", lambda x: x.square().clamp(-2, 2), "f32", "f64", "i64", "i32")
each("clamp-min", lambda x: x.clamp(min=0), "f32", "f64", "i64", "i32", "i8", "u8")
each("clamp-max-float", lambda x: x.clamp(max=0.5), "f32", "f64", "i64", "i32")
add("clamp-tensors", lambda x, lo, hi: x.clamp(lo, hi), F32, F32 - 0.5, F32.roll(1, 1))
add("clamp-tensor-min", lambda x, lo: x.clamp(min=lo), F32, F32.roll(1, 1))
add("clamp-nan", lambda x: x.clamp(0, 1), NAN)
add("maximum-nan", lambda x: (torch.maximum(x, x.flip(0)), torch.minimum(x, x.flip(0))), NAN)
add("fmax-nan", lambda x: (torch.fmax(x, x.flip(0)), torch.fmin(x, x.flip(0))), NAN)
add("relu-nan", torch.relu, NAN)
add("max-nan", lambda x: (x.max(), x.min(), x.amax(0)), NAN)
add("sort-nan", lambda x: x.sort()[0], NAN)
add("isnan", lambda x: (x.isnan(), x.isinf(), x.isfinite(), x.nan_to_num()), NAN)
add("isposinf", lambda x: (torch.isposinf(x), torch.isneginf(x)), NAN)
add("sign-nan", torch.sign, NAN)
add("round-nan", torch.round, NAN)
add("lerp", lambda x, y: torch.lerp(x, y, 0.3), F32, F32 + 1)
add("lerp-tensor", lambda x, y, w: torch.lerp(x, y, w), F32, F32 + 1, POS)
add("addcmul", lambda x, y: torch.addcmul(x, x, y, value=0.5), F32, POS)
add("addcdiv", lambda x, y: torch.addcdiv(x, x, y, value=0.5), F32, POS)
add("hypot-atan2", lambda x, y: (torch.hypot(x, y), torch.atan2(x, y)), F32, F32.roll(1, 1))
add("copysign", torch.copysign, F32, F32.roll(1, 1))
add("ldexp", torch.ldexp, F32, I32)
add("logaddexp", lambda x, y: (torch.logaddexp(x, y), torch.logaddexp2(x, y)), F32, F32.roll(1, 1))
add("heaviside", lambda x: torch.heaviside(x, torch.tensor(0.5)), NAN[3:])
add("xlogy", torch.xlogy, POS, POS)
add("dot-outer", lambda x: (torch.dot(x[0], x[1]), torch.outer(x[0], x[1])), F32)
add("cross", lambda x: torch.linalg.cross(x[:, :3], x[:, 3:]), F32)
add("cross-old", lambda x: torch.cross(x[:, :3], x[:, 3:], dim=1), F32)
add("inplace", lambda x: x.clone().add_(1).mul_(2).sub_(0.5).div_(3).clamp_(-1, 1), F32)
add("inplace-view", lambda x: (y := x.clone(), y[:, 1].fill_(3.0), y)[2], F32)
add("iadd-slice", lambda x: (y := x.clone(), y[1:3].add_(1), y)[2], F32)
add("zero_", lambda x: (y := x.clone(), y[0].zero_(), y * 2)[2], F32)
add("copy_", lambda x, i: (y := x.clone(), y[0].copy_(i[0]), y)[2], F32, I64)
_UNARY = (
    "exp expm1 exp2 log log1p log2 log10 sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh asinh atanh "
    "sigmoid erf erfc reciprocal floor ceil trunc round frac logit erfinv deg2rad rad2deg"
).split()
for _name in _UNARY:
    _f = getattr(torch, _name)
    add(f"{_name}-f32", _f, POS / 2)
    add(f"{_name}-f64", _f, (POS / 2).double())
for _name in (
    "exp",
    "sqrt",
    "sin",
    "sigmoid",
    "log",
    "tanh",
    "floor",
    "ceil",
    "round",
    "reciprocal",
    "rsqrt",
    "erf",
):
    add(f"{_name}-i64", getattr(torch, _name), I64.abs() + 1)
add("acosh", torch.acosh, POS + 1)
add("special", lambda x: (torch.special.expit(x), torch.special.xlog1py(x, x), torch.special.entr(x)), POS)
add("lgamma", torch.lgamma, POS)
add("digamma", torch.digamma, POS)
add("sinc", torch.sinc, F32)
add("round-decimals", lambda x: torch.round(x, decimals=2), F32)
add("round-half", torch.round, torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5]))
add("signbit", torch.signbit, NAN)
add("float-power", lambda x: torch.float_power(x, 2), F32)
add("gcd", torch.gcd, I64, I64.roll(1, 0))

# ------------------------------------------------------------------------------ logic and bits
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _f = getattr(torch, _name)
    each(f"{_name}-scalar", lambda x, f=_f: f(x, 1), "f32", "f64", "i64", "i32", "bool")
    add(f"{_name}-mixed", _f, I64, F32)
    add(f"{_name}-float-scalar-int", lambda x, f=_f: f(x, 1.5), I64)
for _name in ("logical_and", "logical_or", "logical_xor"):
    add(f"{_name}", getattr(torch, _name), B, B.roll(1, 0))
    add(f"{_name}-f32", getattr(torch, _name), F32.round(), F32.roll(1, 0).round())
    add(f"{_name}-i64", getattr(torch, _name), I64, I64.roll(1, 0))
each("logical_not", torch.logical_not)
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    for _k in ("i64", "i32", "u8", "bool"):
        add(f"{_name}-{_k}", getattr(torch, _name), DTYPES[_k], DTYPES[_k].roll(1, 0))
each("bit-operators", lambda x: (x & 3, x | 1, x ^ 5, ~x), "i64", "i32", "u8")
each("shifts", lambda x: (x << 2, x >> 1), "i64", "i32", "u8")
add("invert-bool", lambda x: (~x, x & True, x | x.roll(1), x ^ x.roll(1)), B)
each(
    "any-all",
    lambda x: (x.any(), x.all(), x.any(1), x.all(0), x.any(1, keepdim=True)),
    "f32",
    "i64",
    "bool",
)
add("data", lambda x: x.data[0] * 2 + x.data.sum(), F32)
add("any-empty", lambda x: (x[x.sum(1) > 1e9].any(), x[x.sum(1) > 1e9].any(0)), F32)
add("any-all-dims", lambda x: (torch.any(x, dim=(0, 1)), torch.all(x, (1,))), B)
add("equal", lambda x, y: torch.eq(x, y).all(), I64, I64.clone())
add("allclose-like", lambda x: ((x - x.roll(1)).abs() <= 1e-8 + 1e-5 * x.abs()).all(), F32)
add("isclose", lambda x: torch.isclose(x, x + 1e-9), F32)
add("isin", lambda x: torch.isin(x, torch.tensor([1, 2, 3])), I64)
each("where", lambda x: torch.where(x > 0, x, -x), "f32", "f64", "i64", "i32")
add("where-scalar", lambda x: (torch.where(x > 0, x, 0.0), torch.where(x > 0, 1, x)), F32)
add("where-scalars", lambda x: (torch.where(x > 0, 1.0, 0.0), torch.where(x > 0, 1, 0)), F32)
add("where-scalar-int", lambda x: (torch.where(x > 0, x, 0.5), torch.where(x > 0, 1, x)), I64)
add("where-mixed", lambda x, y: torch.where(x > 0, x, y), F32, I64)
add("where-index", lambda x: torch.where(x > 0), F32)
add("count_nonzero", lambda x: (torch.count_nonzero(x), torch.count_nonzero(x, 1)), I64)
add("to-bool", lambda x: (x.bool(), x.to(torch.bool)), NAN)

# ---------------------------------------------------------------------------------- conversion
for _from in DTYPES:
    for _to in ("float32", "float64", "int64", "int32", "bool", "uint8", "int8"):
        if _from in ("f32", "f64") and _to == "uint8":
            continue  # negative floats to unsigned: undefined
        add(f"cast-{_from}-{_to}", lambda x, t=getattr(torch, _to): x.to(t), DTYPES[_from])
add("type_as", lambda x, y: x.type_as(y), I64, F32)
add("half", lambda x: (x.half().float(), (x.half() * 2).float()), F32)
add("long-trunc", lambda x: (x.long(), x.int()), F32 * 3)

# ---------------------------------------------------------------------------------- reduction
for _name in (
    "sum",
    "mean",
    "prod",
    "amax",
    "amin",
    "var",
    "std",
    "logsumexp",
    "norm",
    "median",
    "argmax",
    "argmin",
):
    _f = getattr(torch, _name)
    for _k in ("f32", "f64"):
        add(f"{_name}-dim-{_k}", lambda x, f=_f: f(x, dim=1), DTYPES[_k]) if _name != "median" else None
        add(
            f"{_name}-keepdim-{_k}", lambda x, f=_f: f(x, dim=0, keepdim=True), DTYPES[_k]
        ) if _name != "median" else None
        add(f"{_name}-{_k}", lambda x, f=_f: f(x), DTYPES[_k]) if _name != "logsumexp" else None
for _name in ("sum", "prod", "amax", "amin", "argmax", "argmin", "cumsum"):
    _f = getattr(torch, _name)
    each(f"{_name}-int", lambda x, f=_f: f(x, dim=1), "i64", "i32")
    if _name != "cumsum":
        each(f"{_name}-int-all", lambda x, f=_f: f(x), "i64", "i32")
add("sum-bool", lambda x: (x.sum(), x.sum(1)), B)
add("mean-bool", lambda x: (x.float().mean(), x.sum() / x.numel()), B)
add("sum-dims", lambda x: (x.sum((0, 2)), x.mean((1, 2), keepdim=True), x.sum(dim=[-1])), X3)
add("sum-dtype", lambda x: x.sum(dtype=torch.float64), F32)
add("mean-dtype", lambda x: x.mean(dtype=torch.float32), I64)
each("max-dim", lambda x: tuple(x.max(1)) + tuple(x.min(0)), "f32", "f64", "i64", "i32")
each("max-all", lambda x: (x.max(), x.min()), "f32", "f64", "i64", "i32", "bool")
add("aminmax", lambda x: tuple(torch.aminmax(x, dim=1)) + tuple(torch.aminmax(x)), F32)
add(
    "argmax-ties",
    lambda x: (x.argmax(1), x.argmin(1), x.max(1)[1], x.min(1)[1]),
    torch.tensor([[1.0, 3, 3, 0], [2, 2, 2, 2]]),
)
add("argmax-flat-ties", lambda x: (x.argmax(), x.argmin()), torch.tensor([[1, 3, 3, 0], [2, 0, 2, 2]]))
add("median-dim", lambda x: tuple(x.median(1)), F32)
add("mode", lambda x: x.mode(1)[0], I64)
add("kthvalue", lambda x: tuple(x.kthvalue(2, dim=1)), F32)
add("quantile", lambda x: torch.quantile(x, 0.3, dim=1), F32)
add("var-unbiased", lambda x: (x.var(1, unbiased=False), x.std(1, correction=0), x.var(dim=(0, 1))), F32)
add("var-mean", lambda x: tuple(torch.var_mean(x, dim=1)) + tuple(torch.std_mean(x, 1)), F32)
add("norms", lambda x: (x.norm(), x.norm(1), x.norm(p=2, dim=1), x.norm(p=1, dim=0, keepdim=True)), F32)
add(
    "linalg-norm",
    lambda x: (torch.linalg.norm(x), torch.linalg.vector_norm(x, dim=1), torch.linalg.norm(x, dim=1)),
    F32,
)
add("norm-inf", lambda x: (x.norm(float("inf")), x.norm(p=float("inf"), dim=1), x.norm(3, 1)), F32)
add("norms-f64", lambda x: (x.norm(), x.norm(dim=1)), F64)
add("matrix-norm", lambda x: torch.linalg.matrix_norm(x), X3)
add("dist", lambda x: (torch.dist(x[0], x[1]), torch.cdist(x[None], x[None] + 1)), F32)
add("trace", torch.trace, F32)
add("nansum", lambda x: (x.nansum(), torch.nanmean(torch.nan_to_num(x))), NAN[:2])
add("cumsum", lambda x: (x.cumsum(0), x.cumsum(-1)), F32)
each("cumsum-dtype", lambda x: x.cumsum(1), "f64", "i64", "i32", "bool")
each("cumprod", lambda x: x.cumprod(1), "f32", "f64", "i64")
add("cummax", lambda x: tuple(x.cummax(1)), F32)
add("cummin", lambda x: tuple(x.cummin(1)), F32)
add("logcumsumexp", lambda x: x.logcumsumexp(1), F32)
add("diff", lambda x: (torch.diff(x), torch.diff(x, dim=0)), F32)
add("histc-bincount", lambda x: torch.bincount(x.flatten().abs(), minlength=10), I64)

# ------------------------------------------------------------------------------------ indexing
IDX = torch.tensor([2, 0, 3])
add("index-int", lambda x: (x[1], x[-1], x[:, 2], x[..., -1]), F32)
add("index-slices", lambda x: (x[1:3], x[:, ::2], x[-2:], x[:-1, 1:-1], x[5:9]), F32)
add("index-none", lambda x: (x[None], x[:, None, 2], x[..., None]), F32)
add("index-tensor", lambda x, i: (x[i], x[:, i], x[i, i]), F32, IDX)
add("index-tensor-neg", lambda x, i: (x[i], x[:, i]), F32, IDX - 4)
add("index-2d", lambda x, i: (x[i[:, None], i[None]], x[i.view(3, 1)]), F32, IDX)
add(
    "index-mixed",
    lambda x, i: (x[:, i, 1:3], x[0, i], x[:, :, i], x[i[:2] % 2, :, i[:2]]),
    X3,
    torch.tensor([2, 0, 1]),
)
add("index-mixed-apart", lambda x, i: x[i % 2, :, i], X3, torch.tensor([2, 0, 1]))
add("index-list", lambda x: (x[[0, 2]], x[:, [1, 1]]), F32)
add("index-range", lambda x: x[torch.arange(4), torch.tensor([0, 1, 2, 3])], F32)
add("index-bool", lambda x: (x[x > 0], x[x[:, 0] > 0], x[:, x[0] > 0]), F32)
add("index-bool-tensor", lambda x, m: (x[m], x[m].sum(), x[~m].shape[0] + x.sum()), F32, B)
add("index-bool-none", lambda x: x[x > 100], F32)
add("masked_select", lambda x: torch.masked_select(x, x > 0), F32)
add("masked_select-broadcast", lambda x: torch.masked_select(x, x[0] > 0), F32)
add("nonzero", lambda x: (x.nonzero(), torch.nonzero(x > 0), (x > 100).nonzero()), I64)
add("nonzero-tuple", lambda x: torch.nonzero(x > 0, as_tuple=True), I64)
add("argwhere", torch.argwhere, I64)
add("index_select", lambda x, i: (x.index_select(0, i), torch.index_select(x, 1, i)), F32, IDX)
add("index_select-i32", lambda x, i: x.index_select(0, i), F32, IDX.int())
add("gather", lambda x, i: (x.gather(1, i), x.gather(0, i[:, :3] % 4)), F32, I64.abs() % 6)
add("take", lambda x, i: (x.take(i), torch.take_along_dim(x, x.argsort(1), 1)), F32, IDX)
add("take_along_dim-none", lambda x, i: torch.take_along_dim(x, i), F32, IDX)
add("select-narrow", lambda x: (x.select(1, 2), x.narrow(1, 1, 3), x.select(0, -1)), F32)
add("unbind-chunk-split", lambda x: x.unbind(0) + x.chunk(3, 1) + x.split(2) + x.split([1, 5], 1), F32)
add("chunk-uneven", lambda x: x.chunk(4, 1) + torch.tensor_split(x, 3, 0), F32)
add("hsplit", lambda x: torch.hsplit(x, 2) + torch.vsplit(x, 2), F32)
add("setitem-int", lambda x: (y := x.clone(), y.__setitem__(0, 5.0), y)[2], F32)
add("setitem-slice", lambda x: (y := x.clone(), y.__setitem__((slice(1, 3), 2), y[0, :2]), y)[2], F32)
add(
    "setitem-step",
    lambda x: (y := x.clone(), y.__setitem__((slice(None), slice(0, None, 2)), 0), y)[2],
    F32,
)
add("setitem-tensor", lambda x, i: (y := x.clone(), y.__setitem__(i, 7.0), y)[2], F32, IDX)
add("setitem-tensor-value", lambda x, i: (y := x.clone(), y.__setitem__(i, x[i] * 2), y)[2], F32, IDX)
add("setitem-col", lambda x, i: (y := x.clone(), y.__setitem__((slice(None), i), 7.0), y)[2], F32, IDX)
add("setitem-pair", lambda x, i: (y := x.clone(), y.__setitem__((i, i), 7.0), y)[2], F32, IDX)
add("setitem-pair-values", lambda x, i: (y := x.clone(), y.__setitem__((i, i), x[0, :3]), y)[2], F32, IDX)
add("setitem-mixed", lambda x, i: (y := x.clone(), y.__setitem__((0, i), x[1, :3]), y)[2], F32, IDX)
add("setitem-neg", lambda x, i: (y := x.clone(), y.__setitem__(i, 7.0), y)[2], F32, IDX - 4)
add("setitem-mask", lambda x: (y := x.clone(), y.__setitem__(x > 0, 0.0), y)[2], F32)
add("setitem-mask-i64", lambda x: (y := x.clone(), y.__setitem__(x > 0, 3), y)[2], I64)
add("setitem-mask-f64", lambda x: (y := x.clone(), y.__setitem__(x > 0, 3), y)[2], F64)
add("setitem-mask-tensor", lambda x: (y := x.clone(), y.__setitem__(x > 0, x[x > 0] * 2), y)[2], F32)
add("setitem-mask-rows", lambda x: (y := x.clone(), y.__setitem__(x[:, 0] > 0, -1.0), y)[2], F32)
add(
    "setitem-mask-rows-values",
    lambda x: (m := x[:, 0] > 0, y := x.clone(), y.__setitem__(m, x[m] + 1), y)[3],
    F32,
)
add("setitem-mask-col", lambda x: (y := x.clone(), y.__setitem__((slice(None), x[0] > 0), -1.0), y)[2], F32)
add("setitem-mask-int", lambda x: (y := x.clone(), y.__setitem__((x[:, 0] > 0, 1), -1.0), y)[2], F32)
add("setitem-mask-3d", lambda x: (y := x.clone(), y.__setitem__(x[..., 0] > 0, 2.0), y)[2], X3)
add("index_put", lambda x, i: x.index_put((i,), torch.tensor(1.0)), F32, IDX)
add("index_put-accumulate", lambda x, i: x.index_put((i % 2,), x[:3], accumulate=True), F32, IDX)
add("index_put-accumulate2", lambda x, i: x.index_put((i % 2, i), x[0, :3], accumulate=True), F32, IDX)
add("index_fill", lambda x, i: (x.index_fill(0, i, 3.0), x.index_fill(1, i, 1)), F32, IDX)
add("index_copy", lambda x, i: x.index_copy(0, i, x[:3] * 2), F32, IDX)
add("index_add", lambda x, i: (x.index_add(0, i, x[:3]), x.index_add(1, i, x[:, :3], alpha=2)), F32, IDX)
add("index_add-dup", lambda x, i: x.index_add(0, i % 2, x[:3]), F32, IDX)
add("index_add-i64", lambda x, i: x.index_add(0, i % 2, x[:3]), I64, IDX)
add("masked_fill", lambda x, m: (x.masked_fill(m, -1e9), x.masked_fill(m, float("-inf"))), F32, B)
add("masked_fill-int", lambda x, m: x.masked_fill(m, 0), I64, B)
add("masked_fill-tensor", lambda x, m: x.masked_fill(m, torch.tensor(2.0)), F32, B)
add("masked_fill-broadcast", lambda x, m: x.masked_fill(m[0], 0.0), F32, B)
add("masked_scatter", lambda x, m: x.masked_scatter(m, x.flatten() * 2), F32, B)
S = torch.randint(0, 4, (3, 6))
add(
    "scatter",
    lambda x, i: x.scatter(0, i, x[:3] * 2),
    F32,
    torch.stack([torch.randperm(4)[:3] for _ in range(6)], 1),
)
add("scatter-value", lambda x, i: x.scatter(0, i, 5.0), F32, S)
add("scatter-int", lambda x, i: x.scatter(1, i[:, :2], 5), I64, S)
add("scatter_add", lambda x, i: x.scatter_add(0, i, x[:3]), F32, S)
add("scatter_add-smaller", lambda x, i: x.scatter_add(0, i[:2, :4], x[:3]), F32, S)
add("scatter_add-zeros", lambda x, i: torch.zeros(4, 6).scatter_add_(0, i, x[:3]), F32, S)
for _r in ("sum", "prod", "amax", "amin", "mean"):
    add(f"scatter_reduce-{_r}", lambda x, i, r=_r: x.scatter_reduce(0, i, x[:3] + 1, r), F32, S)
    add(
        f"scatter_reduce-{_r}-noself",
        lambda x, i, r=_r: x.scatter_reduce(0, i, x[:3] + 1, r, include_self=False),
        F32,
        S,
    )
add("scatter-reduce-add", lambda x, i: x.scatter(0, i, x[:3], reduce="add"), F32, S)
add(
    "select_scatter", lambda x: (x.select_scatter(x[0] * 2, 0, 1), x.slice_scatter(x[:2] * 3, 0, 1, 3)), F32
)
add("diagonal_scatter", lambda x: x.diagonal_scatter(torch.ones(4)), F32)
add(
    "bucketize",
    lambda x: (
        torch.bucketize(x, torch.tensor([-1.0, 0, 1])),
        torch.bucketize(x, torch.tensor([-1.0, 0, 1]), right=True),
    ),
    F32,
)
add(
    "bucketize-exact",
    lambda x: (
        torch.bucketize(x, torch.tensor([1, 3, 5])),
        torch.bucketize(x, torch.tensor([1, 3, 5]), right=True),
    ),
    I64,
)
add("searchsorted", lambda x: torch.searchsorted(x.sort(1)[0], x), F32)
add("searchsorted-right", lambda x: torch.searchsorted(x.sort(1)[0], x, right=True), I64)
add("searchsorted-1d", lambda x: torch.searchsorted(torch.tensor([-1.0, 0, 1]), x, side="right"), F32)
add("topk", lambda x: tuple(x.topk(3)) + tuple(x.topk(2, dim=0)) + tuple(x.topk(2, largest=False)), F32)
add("topk-f64", lambda x: tuple(x.topk(3)), F64)
add("topk-i64", lambda x: x.topk(3)[0], I64)
add("topk-sorted-false", lambda x: x.topk(3, sorted=False)[0].sort()[0], F32)
add("sort", lambda x: tuple(x.sort()) + tuple(x.sort(0, descending=True)), F32)
add(
    "sort-stable-ties",
    lambda x: tuple(x.sort(stable=True)) + (x.argsort(stable=True),),
    torch.tensor([[1, 0, 1, 0, 2, 2]]),
)
add("sort-desc-ties", lambda x: x.sort(descending=True, stable=True)[1], torch.tensor([[1, 0, 1, 0, 2, 2]]))
add("sort-i64", lambda x: x.sort(1)[0], I64)
add("sort-i32-bool", lambda x: x.int().sort(1)[0], I64)
add("argsort", lambda x: (x.argsort(), x.argsort(0, descending=True)), F32)
add("msort", torch.msort, F32)
add("unique", lambda x: torch.unique(x), I64)
add("unique-inverse", lambda x: torch.unique(x, return_inverse=True, return_counts=True), I64)
add("unique-dim", lambda x: torch.unique(x % 2, dim=0), I64)
add("unique_consecutive", lambda x: torch.unique_consecutive(x.flatten().sort()[0]), I64)
add("roll", lambda x: (x.roll(1, 0), x.roll(-2, 1), x.roll(2), x.roll((1, 2), (0, 1))), F32)
add("flip", lambda x: (x.flip(0), x.flip((0, 1)), x.fliplr(), x.flipud(), x.rot90()), F32)
add("tril-triu", lambda x: (x.tril(), x.triu(), x.tril(1), x.triu(-1), x.triu(10)), F32)
each("tril-dtypes", lambda x: (x.tril(), x.triu(1)), "f64", "i64", "i32", "bool")
add("tril-3d", lambda x: x.tril(), X3)
add("tril_indices", lambda x: x[torch.tril_indices(4, 4)[0], torch.tril_indices(4, 4)[1]], F32)
add(
    "diag",
    lambda x: (torch.diag(x), torch.diag(x[0]), torch.diagonal(x, 1), x.diag_embed(), torch.diagflat(x[0])),
    F32,
)
add("diag-offset", lambda x: (torch.diag(x, 1), torch.diag(x[0], -1), x.diagonal(-1)), F32)
add("fill_diagonal", lambda x: x.clone().fill_diagonal_(0.0), F32)
add(
    "einsum",
    lambda x, y: (
        torch.einsum("ij,kj->ik", x, y),
        torch.einsum("ij,ij->i", x, y),
        torch.einsum("ij->ji", x),
    ),
    F32,
    F32,
)
add(
    "einsum-3",
    lambda x: (
        torch.einsum("bij,bkj->bik", x, x),
        torch.einsum("...i,...i", x, x),
        torch.einsum("bii->bi", x[:, :3, :3]),
    ),
    X3,
)
add(
    "repeat_interleave",
    lambda x: (x.repeat_interleave(2, 0), x.repeat_interleave(3), x.repeat_interleave(2, dim=1)),
    F32,
)
add("repeat_interleave-tensor", lambda x, r: x.repeat_interleave(r, dim=0), F32, torch.tensor([1, 0, 3, 2]))
add("repeat_interleave-counts", lambda r: torch.repeat_interleave(r), torch.tensor([1, 0, 3, 2]))

# --------------------------------------------------------------------------------------- shape
add(
    "reshape", lambda x: (x.reshape(3, 8), x.view(-1), x.view(2, -1, 3), x.flatten(), x.reshape(-1, 1)), F32
)
add("view_as", lambda x, y: x.view_as(y.view(6, 4)), F32, F32)
add("transpose", lambda x: (x.t(), x.T, x.transpose(0, 1), x.permute(1, 0), x.mT, x.swapaxes(0, 1)), F32)
add("permute", lambda x: (x.permute(2, 0, 1), x.movedim(0, 2), x.permute(-1, 0, 1).contiguous()), X3)
add(
    "squeeze",
    lambda x: (x[None].squeeze(), x[:, None].squeeze(1), x.unsqueeze(1).unsqueeze(-1), x[None].squeeze(1)),
    F32,
)
add("squeeze-dims", lambda x: x[None, :, None].squeeze((0, 2)), F32)
add("expand", lambda x: (x[None].expand(2, -1, -1), x[:, :1].expand(4, 3), x[0].expand_as(x)), F32)
add("expand-write", lambda x: x[:1].expand(3, 6).clone().add_(1), F32)
add("repeat", lambda x: (x.repeat(2, 1), x.repeat(2, 1, 3), x.tile(2), torch.tile(x, (2, 2))), F32)
add(
    "cat-stack",
    lambda x, i: (torch.cat([x, i]), torch.cat([x, x], 1), torch.stack([x, x], 2), torch.hstack([x, x])),
    F32,
    I64,
)
add(
    "stacks",
    lambda x: (
        torch.vstack([x, x]),
        torch.dstack([x, x]),
        torch.column_stack([x, x]),
        torch.cat([x[:0], x]),
    ),
    F32,
)
add("cat-bool", lambda m: torch.cat([m, m]), B)
add("broadcast", lambda x: torch.broadcast_tensors(x, x[:1]) + (torch.broadcast_to(x[0], (4, 6)),), F32)
add(
    "meshgrid",
    lambda x: torch.meshgrid(x[0], x[1], indexing="ij") + torch.meshgrid(x[0], x[1], indexing="xy"),
    F32,
)
add("cartesian", lambda x: torch.cartesian_prod(x[0, :2], x[1, :3]), F32)
add("unflatten", lambda x: x.unflatten(1, (2, 3)), F32)
add("unfold-tensor", lambda x: (x.unfold(1, 3, 1), x.unfold(0, 2, 2)), F32)
add("as_strided", lambda x: (x.as_strided((2, 3), (6, 1)), x.as_strided((3, 2), (1, 6), 2)), F32)
add("as_strided-input", lambda x: x.as_strided((2, 3), (1, 2)), F32.t())
add("as_strided-view", lambda x: x[:, 1:].as_strided((2, 3), (6, 1)), F32)
add("ravel-numel", lambda x: (x.ravel(), x * x.numel(), x + x.shape[1], x + x.dim()), F32)
add("block_diag", lambda x: torch.block_diag(x, x[:2]), F32)
add("kron", lambda x: torch.kron(x[:2, :2], x[:2, :3]), F32)
add("tensordot", lambda x: torch.tensordot(x, x, dims=([0], [0])), F32)
add("combinations", lambda x: torch.combinations(x[0]), F32)
add("view-dtype", lambda x: x.view(torch.int32), F32)
add("atleast", lambda x: (torch.atleast_2d(x[0]), torch.atleast_3d(x)), F32)

# ------------------------------------------------------------------------------------ creation
add(
    "zeros-ones",
    lambda x: (torch.zeros(2, 3) + x[0, 0], torch.ones(3, dtype=torch.int64) + 1, torch.full((2,), 3.5)),
    F32,
)
add(
    "likes",
    lambda x: (
        torch.zeros_like(x),
        torch.ones_like(x),
        torch.full_like(x, 2),
        torch.full_like(x, 7, dtype=torch.int64),
    ),
    F32,
)
add("new", lambda x: (x.new_zeros(2), x.new_ones(3), x.new_full((2,), 3), x.new_tensor([1.0])), F32)
add(
    "arange",
    lambda x: (
        torch.arange(5) + x[0, 0],
        torch.arange(1, 7, 2),
        torch.arange(0.0, 1.0, 0.25),
        torch.arange(5, dtype=torch.float32),
    ),
    F32,
)
add("arange-neg", lambda x: (torch.arange(5, 0, -1), torch.arange(3, dtype=torch.float64)), F32)
add(
    "linspace",
    lambda x: (
        torch.linspace(0, 1, 5) + x[0, 0],
        torch.linspace(-1, 1, 4, dtype=torch.float64),
        torch.linspace(0, 1, 1),
    ),
    F32,
)
add("logspace", lambda x: torch.logspace(0, 2, 3) + x[0, 0], F32)
add("eye", lambda x: (torch.eye(4) @ x, torch.eye(2, 3), torch.eye(3, dtype=torch.int64)), F32)
add("tensor", lambda x: x + torch.tensor([1.0, 2, 3, 4, 5, 6]), F32)
add("scalar_tensor", lambda x: x + torch.tensor(2) + torch.tensor(2.5, dtype=torch.float64), F32)
add(
    "zero-d-promotion",
    lambda x, i: (x * i[0, 0], i * x[0, 0], x.double() * x[0, 0], i * torch.tensor(2.5)),
    F32,
    I64,
)
add("complex-refused-not", lambda x: torch.view_as_real(torch.view_as_complex(x.view(4, 3, 2))), F32)
add("one_hot", lambda i: torch.nn.functional.one_hot(i, 5), torch.tensor([0, 3, 1]))
add("one_hot-auto", lambda i: torch.nn.functional.one_hot(i), torch.tensor([0, 3, 1]))
add("vander", lambda x: torch.vander(x[0], 3), F32)
add("window", lambda x: torch.hann_window(6) * x, F32)

# ------------------------------------------------------------------ numbers that enter as inputs
add("item-slice", lambda x, n: (x[:, : n.item()], x[n.item() :], x[: -n.item()]), F32, N3)
add("item-slice-neg", lambda x, n: (x[n.item() :], x[:, : n.item()]), F32, NEG2)
add("item-slice-two", lambda x, a, b: x[a.item() : b.item()], F32, torch.tensor(1), N3)
add("item-index", lambda x, n: (x[n.item()], x[:, n.item()], x.select(1, n.item())), F32, N3)
add("item-index-neg", lambda x, n: (x[n.item()], x[:, n.item()]), F32, NEG2)
add("item-narrow", lambda x, n: (x.narrow(1, 0, n.item()), x.narrow(1, n.item(), 2)), F32, N3)
add(
    "item-create",
    lambda n: (torch.zeros(n.item()), torch.ones(2, n.item()), torch.full((n.item(),), 2.0)),
    N3,
)
add(
    "item-arange",
    lambda n: (
        torch.arange(n.item()),
        torch.arange(1, n.item()),
        torch.arange(n.item(), dtype=torch.float32),
    ),
    N3,
)
add("item-linspace", lambda n: torch.linspace(0, 1, n.item()), N3)
add("item-eye", lambda n: torch.eye(n.item()), N3)
add(
    "item-fill",
    lambda x, n: (torch.full((3,), n.item()), x.fill_diagonal_(0) if False else x * n.item()),
    F32,
    N3,
)
add(
    "item-mul-int",
    lambda x, i, n: (x * n.item(), i * n.item(), x + n.item(), i.int() - n.item()),
    F32,
    I64,
    N3,
)
add(
    "item-mul-float",
    lambda x, i, f: (x * f.item(), i * f.item(), x + f.item(), i.int() - f.item()),
    F32,
    I64,
    FLT,
)
add("item-float-f64", lambda x, f: (x * f.item(), f.item() - x, x / f.item(), f.item() / x), F64, FLT)
add("item-int-f64", lambda x, n: (x * n.item(), n.item() - x, x / n.item(), x ** n.item()), F64, N3)
add(
    "item-rsub",
    lambda x, i, f, n: (f.item() - x, n.item() - i, n.item() / (i + 20), f.item() / (i + 20)),
    F32,
    I64,
    FLT,
    N3,
)
add(
    "item-compare",
    lambda x, i, f, n: (x > f.item(), i == n.item(), x < n.item(), i >= f.item()),
    F32,
    I64,
    FLT,
    N3,
)
add("item-clamp", lambda x, f: (x.clamp(max=f.item()), x.clamp(-f.item(), f.item())), F32, FLT)
add("item-where", lambda x, f: (torch.where(x > 0, x, f.item()), x.masked_fill(x > 0, f.item())), F32, FLT)
add("item-pow", lambda x, f, n: (x.abs() ** f.item(), x ** n.item()), F32, FLT, N3)
add("item-floordiv", lambda i, n: (i // n.item(), i % n.item()), I64, N3)
add("item-bool", lambda x, b: (x * b.item(), x + b.item(), torch.where(b, x, -x)), F32, YES)
add(
    "item-full",
    lambda n, f: (torch.full((2,), f.item()), torch.full((2,), n.item(), dtype=torch.float32)),
    N3,
    FLT,
)
add(
    "item-tensor",
    lambda x, n, f: (torch.full((), n.item()) + x, x + torch.scalar_tensor(f.item())),
    F32,
    N3,
    FLT,
)
add("item-add-alpha", lambda x, f: torch.add(x, x, alpha=f.item()), F32, FLT)
add(
    "item-arith",
    lambda x, n: (x[: n.item() - 1], x[: n.item() + 1], x[:, : n.item() * 2], x[: n.item() // 2]),
    F32,
    N3,
)
add("item-reshape", lambda x, n: (x.reshape(n.item(), -1), x.view(-1, n.item())), F32, N3)
add("item-expand", lambda x, n: (x[None].expand(n.item(), 4, 6), x.repeat(n.item(), 1)), F32, N3)
add("item-topk", lambda x, n: x.topk(n.item())[0], F32, N3)
add("item-roll", lambda x, n: x.roll(n.item(), 0), F32, N3)
add("item-split", lambda x, n: torch.cat([x[: n.item()] * 2, x[n.item() :]]), F32, N3)
add("item-setitem", lambda x, n: (y := x.clone(), y.__setitem__(n.item(), 5.0), y)[2], F32, N3)
add(
    "item-setitem-slice",
    lambda x, n: (y := x.clone(), y.__setitem__(slice(0, n.item()), 5.0), y)[2],
    F32,
    N3,
)
add(
    "item-setitem-col",
    lambda x, n: (y := x.clone(), y.__setitem__((slice(None), n.item()), x[:, 0]), y)[2],
    F32,
    N3,
)
add("item-tri", lambda x, n: torch.triu(x, n.item()), F32, N3)
add("item-unsqueeze", lambda x, n: x[n.item() - 1 : n.item()].unsqueeze(0), F32, N3)
add("item-embedding", lambda w, n: w[torch.full((1, 1), n.item())], F32, N3)
add(
    "item-zero-size",
    lambda x, n: (x[: n.item()], x[: n.item()].sum(0), torch.zeros(n.item(), 3)),
    F32,
    ZERO,
)
add("item-pad", lambda x, n: torch.nn.functional.pad(x, (0, n.item())), F32, N3)
add("item-mask-arange", lambda x, n: x * (torch.arange(6) < n.item()), F32, N3)
add("item-of-result", lambda x: x[: (x > 0).sum().item()], F32.flatten())
add("item-of-argmax", lambda x: x[x[:, 0].argmax().item()], F32)

# ----------------------------------------------------------------- Python's arithmetic of numbers
add(
    "number-floordiv",
    lambda x, n: (x * (n.item() // 2), x * (-n.item() // 2), x * (n.item() // -2)),
    F32,
    N3,
)
add(
    "number-floordiv-two",
    lambda x, n, m: (x * (n.item() // m.item()), x * (m.item() // n.item())),
    F32,
    N3,
    NEG2,
)
add(
    "number-mod",
    lambda x, n, m: (x * (n.item() % 2), x * (m.item() % 3), x * (n.item() % m.item())),
    F32,
    N3,
    NEG2,
)
add("number-truediv", lambda x, n: (x.double() * (n.item() / 7), x + n.item() / 2), F32, N3)
add(
    "number-float",
    lambda x, n, f: (x.double() * (f.item() + n.item()), x.double() - f.item() * 0.1),
    F32,
    N3,
    FLT,
)
add(
    "number-float-mod", lambda x, f: (x.double() * (f.item() % 1), x.double() * (-f.item() % 2.0)), F32, FLT
)
add(
    "number-float-floordiv",
    lambda x, f: (x.double() * (f.item() // 1), x.double() * (-f.item() // 2)),
    F32,
    FLT,
)
add(
    "number-pow",
    lambda x, n, f: (x * n.item() ** 2, x.double() * f.item() ** 2, x * f.item() ** 0.5),
    F32,
    N3,
    FLT,
)
add("number-neg", lambda x, n, f: (x * -n.item(), x * -f.item(), x[-n.item() + 1 :]), F32, N3, FLT)
add("number-large", lambda n: torch.full((2,), n.item() + 1), torch.tensor(2**40 + 1))
add(
    "number-size-arithmetic",
    lambda x, n: (x[n.item() // 2 :], x[: (n.item() + 1) // 2], x[: n.item() % 2]),
    F32,
    N3,
)


def _written(i: torch.Tensor) -> Callable[[torch.Tensor], Any]:
    def function(x: torch.Tensor) -> Any:
        y, z, w = x.clone(), x.clone(), x.clone()
        y[i] = 1.0
        z[:, i] = x[:, :2]
        w[i, i] += 1.0
        return y, z, w, x[i], x[:, i], x[i, i]

    return function


add("index-by-i32", _written(torch.tensor([0, 3], dtype=torch.int32)), F32)
add("mask-of-bytes", lambda x: (x[(x > 0).byte()], x[(x[:, 0] > 0).byte()], x[0][(x[0] > 0).byte()]), F32)
add(
    "unique-consecutive-axis",
    lambda x: torch.unique_consecutive(x, return_counts=True, dim=-1),
    I64.flatten() % 2,
)

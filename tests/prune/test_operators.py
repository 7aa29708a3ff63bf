"""Every entry of the operator table: which channels it ties, and that removing them is exact."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx_ir
import pytest
from tests.prune.nets import Weights, net, pruned, sizes

from dyncc.passes.prune.groups import groups_of_model
from dyncc.passes.prune.operators import TABLE
from dyncc.passes.prune.prepare import prepared


@dataclass(frozen=True)
class Case:
    """A network, the sizes of its groups, and the shapes of some weights when half of the channels are gone."""

    text: str
    weights: Weights
    groups: dict[str, int]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    opset: int = 18


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


IMAGE = "(float[2, 3, 6, 6] x)"
CONV = {"a": (8, 3, 1, 1), "b": (4, 8, 1, 1)}
TOKENS = "(float[2, 5, 6] x)"
LINEAR = {"a": (6, 8), "b": (8, 4)}


def between(nodes: str, **weights: object) -> Case:
    """Something between two convolutions, from ``h`` to ``i``, that keeps all 8 channels apart."""
    text = f"{IMAGE} => (float[2, 4, ?, ?] y) {{ h = Conv(x, a)  {nodes}  y = Conv(i, b) }}"
    return Case(
        text.replace("?", "N"), {**CONV, **weights}, {"a": 8}, {"a": (4, 3, 1, 1), "b": (4, 4, 1, 1)}
    )  # type: ignore[dict-item]


CASES = {
    "conv": between("i = Relu(h)"),
    "conv with bias": Case(
        f"{IMAGE} => (float[2, 4, 6, 6] y) {{ h = Conv(x, a, c)  y = Conv(h, b) }}",
        {**CONV, "c": (8,)}, {"a": 8}, {"c": (4,)},
    ),
    "depthwise": Case(
        f"{IMAGE} => (float[2, 4, 4, 4] y) {{ h = Conv(x, a)  i = Conv<group = 8>(h, d)  y = Conv(i, b) }}",
        {**CONV, "d": (8, 1, 3, 3)}, {"a": 8}, {"d": (4, 1, 3, 3)},
    ),
    "depthwise with a multiplier": Case(
        f"{IMAGE} => (float[2, 4, 4, 4] y) {{ h = Conv(x, a)  i = Conv<group = 8>(h, d)  y = Conv(i, b) }}",
        {"a": (8, 3, 1, 1), "d": (16, 1, 3, 3), "b": (4, 16, 1, 1)}, {"a": 8}, {"d": (8, 1, 3, 3)},
    ),
    "grouped: whole groups": Case(
        f"{IMAGE} => (float[2, 4, 4, 4] y) {{ h = Conv(x, a)  i = Conv<group = 4>(h, d)  y = Conv(i, b) }}",
        {**CONV, "d": (8, 2, 3, 3)}, {"a": 4}, {"d": (4, 2, 3, 3), "a": (4, 3, 1, 1)},
    ),
    "grouped: channels of every group": Case(
        f"{IMAGE} => (float[2, 4, 4, 4] y) {{ h = Conv(x, a)  i = Conv<group = 2>(h, d)  y = Conv(i, b) }}",
        {**CONV, "d": (8, 4, 3, 3)}, {"a": 4, "d": 4}, {"d": (4, 2, 3, 3), "a": (4, 3, 1, 1)},
    ),
    "transposed": Case(
        f"{IMAGE} => (float[2, 4, 8, 8] y) {{ h = ConvTranspose(x, a, c)  y = Conv(h, b) }}",
        {"a": (3, 8, 3, 3), "c": (8,), "b": (4, 8, 1, 1)}, {"a": 8}, {"a": (3, 4, 3, 3)},
    ),
    "transposed in groups": Case(
        f"{IMAGE} => (float[2, 4, 8, 8] y) "
        "{ h = Conv(x, a)  i = ConvTranspose<group = 8>(h, d)  y = Conv(i, b) }",
        {**CONV, "d": (8, 1, 3, 3)}, {"a": 8}, {"d": (4, 1, 3, 3)},
    ),
    "batch norm": between("i = BatchNormalization(h, s, t, m, v)",
                          s=(8,), t=(8,), m=(8,), v=np.linspace(1, 2, 8)),
    "instance norm": between("i = InstanceNormalization(h, s, t)", s=(8,), t=(8,)),
    "group norm: whole groups": Case(
        f"{IMAGE} => (float[2, 4, 6, 6] y) "
        "{ h = Conv(x, a)  i = GroupNormalization<num_groups = 4>(h, s, t)  y = Conv(i, b) }",
        {**CONV, "s": (8,), "t": (8,)}, {"a": 4}, opset=21,
    ),
    "group norm: channels of every group": Case(
        f"{IMAGE} => (float[2, 4, 6, 6] y) "
        "{ h = Conv(x, a)  i = GroupNormalization<num_groups = 2>(h, s, t)  y = Conv(i, b) }",
        {**CONV, "s": (8,), "t": (8,)}, {"a": 4}, opset=21,
    ),
    "layer norm": Case(
        f"{TOKENS} => (float[2, 5, 4] y) "
        "{ h = MatMul(x, a)  i = LayerNormalization(h, s, t)  y = MatMul(i, b) }",
        {**LINEAR, "s": (8,), "t": (8,)}, {"a": 8}, {"s": (4,)},
    ),
    "RMS norm": Case(
        f"{TOKENS} => (float[2, 5, 4] y) {{ h = MatMul(x, a)  i = RMSNormalization(h, s)  y = MatMul(i, b) }}",
        {**LINEAR, "s": (8,)}, {"a": 8}, {"s": (4,)}, opset=23,
    ),
    "layer norm in pieces": Case(
        f"{TOKENS} => (float[2, 5, 4] y) {{ h = MatMul(x, a)  m = ReduceMean<keepdims = 1>(h, last) "
        "d = Sub(h, m)  q = Mul(d, d)  v = ReduceMean<keepdims = 1>(q, last)  r = Sqrt(v)  n = Div(d, r) "
        "i = Mul(n, s)  y = MatMul(i, b) }",
        {**LINEAR, "s": (8,), "last": ints(-1)}, {"a": 8}, {"s": (4,)},
    ),
    "unit length": Case(
        f"{TOKENS} => (float[2, 5, 4] y) {{ h = MatMul(x, a)  i = LpNormalization(h)  y = MatMul(i, b) }}",
        LINEAR, {"a": 8},
    ),
    "gemm": Case(
        "(float[2, 6] x) => (float[2, 4] y) { h = Gemm<transB = 1>(x, a, c)  i = Relu(h)  y = Gemm(i, b) }",
        {"a": (8, 6), "c": (8,), "b": (8, 4)}, {"a": 8}, {"a": (4, 6), "c": (4,), "b": (4, 4)},
    ),
    "gemm with a broadcast addend": Case(
        "(float[2, 6] x) => (float[2, 4] y) { h = Gemm(x, a, c)  y = Gemm(h, b) }",
        {**LINEAR, "c": (2, 1)}, {"a": 8}, {"c": (2, 1)},
    ),
    "einsum": Case(
        f"{TOKENS} => (float[2, 5, 4] y) "
        '{ h = Einsum<equation = "bti,ih->bth">(x, a)  y = Einsum<equation = "bth,ho->bto">(h, b) }',
        LINEAR, {"a": 8}, {"b": (4, 4)},
    ),
    "two activations": Case(
        f"{TOKENS} => (float[2, 5, 5] y) "
        "{ q = MatMul(x, a)  k = MatMul(x, c)  t = Transpose<perm = [0, 2, 1]>(k)  y = MatMul(q, t) }",
        {"a": (6, 8), "c": (6, 8)}, {"a": 8}, {"c": (6, 4)},
    ),
    "a bias and a residual": Case(
        f"{TOKENS} => (float[2, 5, 4] y) "
        "{ h = MatMul(x, a)  g = Add(h, c)  r = MatMul(g, d)  s = Add(g, r)  y = MatMul(s, b) }",
        {**LINEAR, "c": (8,), "d": (8, 8)}, {"a": 8}, {"d": (4, 4), "c": (4,)},
    ),
    "where and clip": between("z = Clip(h, lo, hi)  m = Greater(h, k)  i = Where(m, z, k)",
                              k=(1, 8, 1, 1), lo=np.float32(-1), hi=np.float32(1)),
    "prelu": between("i = PRelu(h, k)", k=(8, 1, 1)),
    "dropout": between("i = Dropout(h)"),
    "quantization by channel": between(
        "q = QuantizeLinear<axis = 1>(h, s, z)  i = DequantizeLinear<axis = 1>(q, s, z)",
        s=np.full(8, 0.01), z=np.zeros(8, np.int8),
    ),
    "max pool": between("i = MaxPool<kernel_shape = [2, 2]>(h)"),
    "average pool": between("i = GlobalAveragePool(h)"),
    "grid sample": Case(
        f"{IMAGE} => (float[2, 4, 5, 5] y) {{ h = Conv(x, a)  i = GridSample(h, g)  y = Conv(i, b) }}",
        {**CONV, "g": (2, 5, 5, 2)}, {"a": 8},
    ),
    "resize by scales": between("i = Resize(h, , k)", k=np.array([1.0, 1.0, 2.0, 2.0])),
    "resize to sizes": between("i = Resize(h, , , k)", k=ints(2, 8, 12, 12)),
    "depth to space": Case(
        f"{IMAGE} => (float[2, 4, 12, 12] y) {{ h = Conv(x, a)  i = DepthToSpace<blocksize = 2>(h)  y = Conv(i, b) }}",
        {"a": (16, 3, 1, 1), "b": (4, 4, 1, 1)}, {"a": 4}, {"a": (8, 3, 1, 1)},
    ),
    "depth to space, columns first": Case(
        f"{IMAGE} => (float[2, 4, 12, 12] y) "
        '{ h = Conv(x, a)  i = DepthToSpace<blocksize = 2, mode = "CRD">(h)  y = Conv(i, b) }',
        {"a": (16, 3, 1, 1), "b": (4, 4, 1, 1)}, {"a": 4}, {"a": (8, 3, 1, 1)},
    ),
    "space to depth": Case(
        f"{IMAGE} => (float[2, 4, 3, 3] y) {{ h = Conv(x, a)  i = SpaceToDepth<blocksize = 2>(h)  y = Conv(i, b) }}",
        {"a": (8, 3, 1, 1), "b": (4, 32, 1, 1)}, {"a": 8}, {"b": (4, 16, 1, 1)},
    ),
    "flatten": Case(
        f"{IMAGE} => (float[2, 4] y) {{ h = Conv(x, a)  i = Flatten(h)  y = Gemm(i, b) }}",
        {"a": (8, 3, 1, 1), "b": (288, 4)}, {"a": 8}, {"b": (144, 4)},
    ),
    "reshape that splits": Case(
        f"{TOKENS} => (float[2, 5, 2, 4] y) {{ h = MatMul(x, a)  i = Reshape(h, k)  y = MatMul(i, b) }}",
        {"a": (6, 8), "k": ints(0, 5, 2, -1), "b": (4, 4)}, {"a": 4}, {"a": (6, 4), "b": (2, 4)},
    ),
    "squeeze of all ones": Case(
        "(float[1, 5, 1, 6] x) => (float[5, 4] y) "
        "{ g = MatMul(x, a)  i = Squeeze(g)  y = MatMul(i, b) }",
        {"a": (6, 2), "b": (2, 4)}, {"a": 2}, {"b": (1, 4)},
    ),
    "squeeze of all ones, where the axes are an attribute": Case(
        "(float[1, 5, 1, 6] x) => (float[5, 4] y) "
        "{ g = MatMul(x, a)  i = Squeeze(g)  y = MatMul(i, b) }",
        {"a": (6, 2), "b": (2, 4)}, {"a": 2}, {"b": (1, 4)}, opset=11,
    ),
    "unsqueeze and transpose": Case(
        f"{TOKENS} => (float[4, 2, 5, 1] y) {{ h = MatMul(x, a)  u = Unsqueeze(h, k) "
        "i = Transpose<perm = [1, 3, 2, 0]>(u)  t = Transpose<perm = [3, 2, 0, 1]>(i)  "
        "z = MatMul(t, b2)  w = Transpose<perm = [3, 0, 1, 2]>(z)  y = Transpose<perm = [0, 1, 2, 3]>(w) }",
        {"a": (6, 8), "k": ints(1), "b2": (1, 4)}, {}, {},
    ),
    "expand": Case(
        f"{TOKENS} => (float[2, 5, 4] y) {{ h = MatMul(x, a)  e = Expand(c, k)  i = Mul(h, e)  y = MatMul(i, b) }}",
        {**LINEAR, "c": (1, 1, 1), "k": ints(2, 5, 8)}, {"a": 8},
    ),
    "constant of shape": Case(
        f"{TOKENS} => (float[2, 5, 4] y) "
        "{ h = MatMul(x, a)  s = Shape(h)  e = ConstantOfShape(s)  i = Sub(h, e)  y = MatMul(i, b) }",
        LINEAR, {"a": 8},
    ),
    "shape of which one size is used": Case(
        "(float[N, 3, 6, 6] x) => (float[N, 4] y) { h = Conv(x, a)  g = GlobalAveragePool(h)  s = Shape(g) "
        "n = Slice<axes = [0], starts = [0], ends = [1]>(s)  t = Concat<axis = 0>(n, k)  i = Reshape(g, t) "
        "y = MatMul(i, b) }",
        {"a": (8, 3, 1, 1), "k": ints(-1), "b": (8, 4)}, {"a": 8}, {"b": (4, 4)}, opset=9,
    ),
    "shape of which a known and an unknown size are used": Case(
        "(float[N, 3, 6, 6] x) => (float[N, 4] y) { h = Conv(x, a)  g = GlobalAveragePool(h)  s = Shape(g) "
        "n = Gather(s, z)  c = Gather(s, o)  t = Concat<axis = 0>(n, c)  i = Reshape(g, t)  y = MatMul(i, b) }",
        {"a": (8, 3, 1, 1), "z": ints(0), "o": ints(-3), "b": (8, 4)}, {"a": 8}, {"b": (4, 4)}, opset=9,
    ),
    "tile": Case(
        f"{TOKENS} => (float[2, 5, 4] y) {{ h = MatMul(x, a)  i = Tile(h, k)  y = MatMul(i, b) }}",
        {"a": (6, 8), "k": ints(1, 1, 2), "b": (16, 4)}, {"a": 8}, {"b": (8, 4)},
    ),
    "concat and split": Case(
        f"{IMAGE} => (float[2, 4, 6, 6] y) {{ h = Conv(x, a)  g = Conv(x, c)  j = Concat<axis = 1>(h, g) "
        "k, l = Split<axis = 1>(j, s)  m = Conv(k, b)  n = Conv(l, d)  y = Add(m, n) }",
        {"a": (8, 3, 1, 1), "c": (8, 3, 1, 1), "s": ints(6, 10), "b": (4, 6, 1, 1), "d": (4, 10, 1, 1)},
        {"a": 8, "c": 8},
    ),
    "split by number": Case(
        f"{IMAGE} => (float[2, 4, 6, 6] y) {{ h = Conv(x, a)  k, l = Split<axis = 1, num_outputs = 2>(h) "
        "m = Conv(k, b)  n = Conv(l, d)  y = Add(m, n) }",
        {"a": (8, 3, 1, 1), "b": (4, 4, 1, 1), "d": (4, 4, 1, 1)}, {"a": 8},
    ),
    "slice": Case(
        f"{IMAGE} => (float[2, 4, 5, 6] y) {{ h = Conv(x, a)  i = Slice(h, s, e, k)  y = Conv(i, b) }}",
        {"a": (8, 3, 1, 1), "b": (4, 5, 1, 1), "s": ints(2, 1), "e": ints(7, 9), "k": ints(1, 2)}, {"a": 8},
    ),
    "slice with a step": Case(
        f"{IMAGE} => (float[2, 4, 6, 6] y) {{ h = Conv(x, a)  i = Slice(h, s, e, k, t)  y = Conv(i, b) }}",
        {"a": (8, 3, 1, 1), "b": (4, 4, 1, 1), "s": ints(-1), "e": ints(-99), "k": ints(1), "t": ints(-2)},
        {"a": 8},
    ),
    "gather a permutation": between("i = Gather<axis = 1>(h, k)", k=ints(7, 6, 5, 4, 3, 2, 1, 0)),
    "gather twice the same": Case(
        f"{IMAGE} => (float[2, 4, 6, 6] y) {{ h = Conv(x, a)  i = Gather<axis = 1>(h, k)  y = Conv(i, b) }}",
        {**CONV, "k": ints(0, 0, 1, 1, 2, 2, -1, 3)}, {"a": 8},
    ),
    "gather in a grid": Case(
        f"{TOKENS} => (float[2, 5, 1, 4] y) {{ h = MatMul(x, a)  i = Gather<axis = 2>(h, k)  y = MatMul(i, b) }}",
        {**LINEAR, "k": ints(7, 6, 5, 4, 3, 2, 1, 0).reshape(1, 8)}, {"a": 8},
    ),
    "embedding": Case(
        "(int64[2, 5] x) => (float[2, 5, 4] y) { h = Gather(a, x)  y = MatMul(h, b) }",
        {"a": (10, 8), "b": (8, 4)}, {"a": 8}, {"a": (10, 4)},
    ),
    "gather elements": Case(
        f"{TOKENS} => (float[2, 3, 4] y) "
        "{ h = MatMul(x, a)  j = Expand(k, s)  i = GatherElements<axis = 1>(h, j)  y = MatMul(i, b) }",
        {**LINEAR, "k": ints(0, 2, 4).reshape(1, 3, 1), "s": ints(2, 3, 8)}, {"a": 8},
    ),
    "scatter elements": Case(
        f"{TOKENS} => (float[2, 5, 4] y) {{ h = MatMul(x, a)  j = Expand(k, s)  u = Expand(v, s) "
        "i = ScatterElements<axis = 1>(h, j, u)  y = MatMul(i, b) }",
        {**LINEAR, "k": ints(0, 2, 4).reshape(1, 3, 1), "v": (1, 3, 1), "s": ints(2, 3, 8)}, {"a": 8},
    ),
    "gather and scatter by points": Case(
        f"{TOKENS} => (float[3, 4] y) "
        "{ h = MatMul(x, a)  s = ScatterND(h, k, u)  i = GatherND(s, k)  y = MatMul(i, b) }",
        {**LINEAR, "k": ints(0, 1, 1, 2, 1, 4).reshape(3, 2), "u": (3, 8)}, {"a": 8}, {"u": (3, 4)},
    ),
    "pad with channels": Case(
        f"{IMAGE} => (float[2, 4, 6, 6] y) {{ h = Conv(x, a)  i = Pad(h, k, c)  y = Conv(i, b) }}",
        {"a": (8, 3, 1, 1), "b": (4, 11, 1, 1), "k": ints(0, 1, 0, 0, 0, 2, 0, 0), "c": np.float32(0.5)},
        {"a": 8}, {"b": (4, 7, 1, 1)},
    ),
    "softmax over places": Case(
        f"{TOKENS} => (float[2, 5, 4] y) {{ h = MatMul(x, a)  i = Softmax<axis = 1>(h)  y = MatMul(i, b) }}",
        LINEAR, {"a": 8},
    ),
    "sum along and triangle": Case(
        f"{TOKENS} => (float[2, 8, 5] z, float[2, 5, 4] y) {{ h = MatMul(x, a)  c = CumSum(h, k) "
        "y = MatMul(c, b)  z = Trilu(w) }",
        {**LINEAR, "k": np.array(1, np.int64), "w": (2, 8, 5)}, {"a": 8},
    ),
    "sum over channels": Case(
        f"{TOKENS} => (float[2, 5, 1] y) {{ h = MatMul(x, a)  y = ReduceSum(h, k) }}",
        {"a": (6, 8), "k": ints(2)}, {"a": 8},
    ),
    "length over channels": Case(
        f"{TOKENS} => (float[2, 5] y) {{ h = MatMul(x, a)  y = ReduceL2<keepdims = 0>(h, k) }}",
        {"a": (6, 8), "k": ints(-1)}, {"a": 8},
    ),
    "mean over channels": Case(
        f"{TOKENS} => (float[2, 5] y) {{ h = MatMul(x, a)  y = ReduceMean<keepdims = 0>(h, k) }}",
        {"a": (6, 8), "k": ints(-1)}, {"a": 8},
    ),
    "mean over places": Case(
        f"{TOKENS} => (float[2, 4] y) {{ h = MatMul(x, a)  i = ReduceMean<keepdims = 0>(h, k)  y = MatMul(i, b) }}",
        {**LINEAR, "k": ints(1)}, {"a": 8},
    ),
    "mean over places whose number is not known": Case(
        "(float[2, 3, H, W] x) => (float[2, 4] y) "
        "{ h = Conv(x, a)  i = ReduceMean<keepdims = 0>(h, k)  y = MatMul(i, b) }",
        {"a": (8, 3, 1, 1), "k": ints(2, 3), "b": (8, 4)}, {"a": 8}, {"b": (4, 4)},
    ),
    "branches": Case(
        "(float[2, 5, 6] x, bool c) => (float[2, 5, 4] y) { h = MatMul(x, a) "
        "i = If(c) <then_branch = one () => (float[2, 5, 8] p) { p = Relu(h) }, "
        "else_branch = two () => (float[2, 5, 8] q) { r = MatMul(h, d)  q = Add(r, h) }> y = MatMul(i, b) }",
        {**LINEAR, "d": (8, 8)}, {"a": 8}, {"d": (4, 4)},
    ),
    "a loop": Case(
        f"{TOKENS} => (float[2, 5, 4] y, float[3, 2, 5, 4] z) {{ h = MatMul(x, a) "
        "i, s = Loop(n, t, h) <body = turn (int64 k, bool c, float[2, 5, 8] p) => "
        "(bool e, float[2, 5, 8] q, float[2, 5, 8] w) { e = Identity(c)  r = MatMul(p, d)  q = Tanh(r) "
        "w = Relu(p) }> y = MatMul(i, b)  z = MatMul(s, b) }",
        {**LINEAR, "d": (8, 8), "n": np.array(3, np.int64), "t": np.array(True)}, {"a": 8}, {"d": (4, 4)},
    ),
    "a scan": Case(
        "(float[5, 2, 6] x) => (float[2, 4] y, float[5, 2, 4] z) { g = MatMul(x, a) "
        "i, s = Scan<num_scan_inputs = 1, body = turn (float[2, 8] p, float[2, 8] u) => "
        "(float[2, 8] q, float[2, 8] w) { r = MatMul(p, d)  v = Add(r, u)  q = Tanh(v)  w = Identity(q) }>(h, g) "
        "y = MatMul(i, b)  z = MatMul(s, b) }",
        {"a": (6, 8), "b": (8, 4), "d": (8, 8), "h": (2, 8)}, {"a": 8}, {"d": (4, 4), "h": (2, 4)},
    ),
}  # fmt: skip


def recurrent(kind: str, gates: int, directions: int) -> Case:
    text = (
        f"(float[5, 2, 6] x) => (float[5, {directions}, 2, 4] y) {{ g = MatMul(x, a) "
        f'i, l = {kind}<hidden_size = 8, direction = "{"bidirectional" if directions > 1 else "forward"}">'
        "(g, w, r, c)  y = MatMul(i, b) }"
    )
    weights = {
        "a": (6, 6), "w": (directions, gates * 8, 6), "r": (directions, gates * 8, 8),
        "c": (directions, 2 * gates * 8), "b": (8, 4),
    }  # fmt: skip
    return Case(text, weights, {"a": 6, "w": 8}, {"r": (directions, gates * 4, 4)})


for kind, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
    for directions in (1, 2):
        CASES[f"{kind} in {directions}"] = recurrent(kind, gates, directions)


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str) -> None:
    case = CASES[name]
    model = net(case.text, case.weights, case.opset)
    assert sizes(groups_of_model(prepared(model))) == case.groups
    if not case.groups:
        return
    result = pruned(model)
    weights = result.model.graph.initializers
    assert all(tuple(weights[weight].shape or ()) == shape for weight, shape in case.shapes.items())


def test_every_operator_has_a_case() -> None:
    """Of the families; the many unary and n-ary operators share a rule each."""
    from dyncc.passes.prune.operators.elementwise import NARY, UNARY

    used = {
        node.op_type
        for case in CASES.values()
        for node in net(case.text, case.weights, case.opset).graph.all_nodes()
    }
    shared = {*UNARY, *NARY, "Upsample", "SimplifiedLayerNormalization"}
    alike = {
        "AveragePool",
        "GlobalLpPool",
        "GlobalMaxPool",
        "LpPool",
        "RoiAlign",
        "LogSoftmax",
        "Hardmax",
        "LRN",
    }
    alike |= {"TopK", "ReduceL1", "ReduceSumSquare", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceLogSum"}
    alike |= {"ReduceLogSumExp", "ArgMax", "ArgMin"}
    assert not set(TABLE) - used - shared - alike


FREEZES = {
    "an unknown operator": ("i = Det2(h)", "`Det2` is no operator"),
    "softmax over channels": ("i = Softmax<axis = 1>(h)", "`Softmax` needs this axis whole"),
    "the largest channel": (
        "j = ReduceMax<keepdims = 1>(h, k)  i = Add(h, j)",
        "`ReduceMax` needs this axis whole",
    ),
    "neighbouring channels": ("i = LRN<size = 3>(h)", "neighbouring channels"),
    "places of the maximum": (
        "g, j = MaxPool<kernel_shape = [1, 1]>(h)  l = Cast<to = 1>(j)  i = Add(g, l)",
        "indices of the maxima",
    ),
}


@pytest.mark.parametrize("name", [name for name in FREEZES if name != "an unknown operator"])
def test_freezes(name: str) -> None:
    nodes, reason = FREEZES[name]
    model = net(
        f"{IMAGE} => (float[2, 4, 6, 6] y) {{ h = Conv(x, a)  {nodes}  y = Conv(i, b) }}",
        {**CONV, "k": ints(1)},
    )
    network = groups_of_model(prepared(model))
    assert not network.groups
    (found,) = {frozen.reason for frozen in network.frozen if (frozen.weight, frozen.axis) == ("a", 0)}
    assert reason in found


def test_an_unknown_operator_freezes_what_it_touches() -> None:
    model = net(f"{IMAGE} => (float[2, 4, 6, 6] y) {{ h = Conv(x, a)  i = Relu(h)  y = Conv(i, b) }}", CONV)
    node = next(node for node in model.graph if node.op_type == "Relu")
    node.domain = "somewhere.else"
    model.opset_imports["somewhere.else"] = 1
    network = groups_of_model(prepared(model))
    assert not network.groups
    assert "`somewhere.else::Relu` is no operator" in network.frozen[0].reason + network.frozen[1].reason


def test_weights_that_meet_an_unknown_size_stay() -> None:
    """How many channels the input has is known from the weight alone, so the weight's stay as well."""
    model = net(
        "(float[2, C, 6, 6] x) => (float[2, 4, 6, 6] y) { h = Conv(x, a)  y = Conv(h, b) }",
        CONV,
    )
    network = groups_of_model(prepared(model))
    assert sizes(network) == {"a": 8}
    (found,) = {frozen.reason for frozen in network.frozen if (frozen.weight, frozen.axis) == ("a", 1)}
    assert "the sizes of `Conv` are not known" in found


def test_types() -> None:
    """Half precision and doubles are pruned like floats."""
    for dtype in (np.float16, np.float64):
        kind = {np.float16: "float16", np.float64: "double"}[dtype]
        arrays = {
            name: np.random.default_rng(0).standard_normal(shape).astype(dtype)
            for name, shape in LINEAR.items()
        }
        model = onnx_ir.from_proto(_typed(kind, arrays))
        from dyncc.passes.prune.importance import Importance
        from dyncc.passes.prune.model import Pruning
        from dyncc.passes.prune.selection import Selection

        result = Pruning(Selection(ratio=0.5), Importance()).run(model)
        assert result.model.graph.initializers["a"].dtype == model.graph.initializers["a"].dtype


def _typed(kind: str, arrays: dict[str, np.ndarray]):
    import onnx

    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 18]> net ({kind}[2, 6] x) => ({kind}[2, 4] y) '
        "{ h = MatMul(x, a)  y = MatMul(h, b) }"
    )
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()
    )
    return model

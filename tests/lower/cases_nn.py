"""As :mod:`tests.lower.cases_tensor`: the functions and modules of ``torch.nn``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

Case = tuple[Callable[..., Any], tuple[torch.Tensor, ...]]
CASES: dict[str, Case] = {}


def add(name: str, function: Callable[..., Any], *inputs: torch.Tensor) -> None:
    assert name not in CASES, name
    CASES[name] = (function.eval() if isinstance(function, nn.Module) else function, inputs)


torch.manual_seed(0)
X = torch.randn(2, 6)
SEQ = torch.randn(2, 5, 8)
IMG = torch.randn(2, 4, 9, 7)
SIG = torch.randn(2, 4, 11)
VOL = torch.randn(1, 2, 5, 6, 7)
SQUARE = torch.randn(1, 3, 8, 8)

for _name in (
    "relu relu6 elu selu celu gelu silu mish hardswish hardsigmoid hardtanh leaky_relu softplus softsign "
    "tanhshrink logsigmoid hardshrink softshrink sigmoid tanh"
).split():
    add(_name, getattr(F, _name), X * 3)
    add(f"{_name}-f64", getattr(F, _name), X.double() * 3)
add("gelu-tanh", lambda x: F.gelu(x, approximate="tanh"), X)
add("elu-alpha", lambda x: (F.elu(x, 0.5), F.celu(x, 0.5), F.leaky_relu(x, 0.3), F.softplus(x, 2, 5)), X)
add("prelu", lambda x: (F.prelu(x, torch.tensor([0.25])), F.prelu(x, torch.arange(6) * 0.1)), X)
add("prelu-image", nn.PReLU(4), IMG)
add("rrelu-eval", lambda x: F.rrelu(x, training=False), X)
add("glu", lambda x: (F.glu(x), F.glu(x, 1)), X)
add("threshold", lambda x: F.threshold(x, 0.1, 20.0), X)
add("softmax", lambda x: (F.softmax(x, 1), x.softmax(0), F.log_softmax(x, -1), F.softmin(x, 1)), X)
add("softmax-f64", lambda x: (F.softmax(x, 1), F.log_softmax(x, -1)), X.double())
add("softmax-dtype", lambda x: F.softmax(x.long(), 1, dtype=torch.float32), X)
add(
    "softmax-inf",
    lambda x: F.softmax(x.masked_fill(x > 0, float("-inf")), 1),
    torch.tensor([[1.0, -1, -2], [-1, -2, 5]]),
)
add("softmax2d", nn.Softmax2d(), IMG)
add("normalize", lambda x: (F.normalize(x), F.normalize(x, p=1, dim=0), F.cosine_similarity(x, x + 1)), X)
add("pairwise", lambda x: F.pairwise_distance(x, x + 1), X)
add(
    "dropout-eval",
    lambda x: F.dropout(x, 0.5, training=False) + F.dropout2d(x[None, None], training=False)[0, 0],
    X,
)
add("inplace-relu", nn.Sequential(nn.Linear(6, 6), nn.ReLU(inplace=True)), X)
for _loss in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
    add(_loss, lambda x, f=getattr(F, _loss): f(x, x.flip(0)), X)
add(
    "cross_entropy",
    lambda x, t: (F.cross_entropy(x, t), F.cross_entropy(x, t, reduction="none")),
    X,
    torch.tensor([1, 3]),
)
add("nll_loss", lambda x, t: F.nll_loss(F.log_softmax(x, 1), t), X, torch.tensor([1, 3]))
add(
    "bce",
    lambda x: (
        F.binary_cross_entropy(x.sigmoid(), (x > 0).float()),
        F.binary_cross_entropy_with_logits(x, (x > 0).float()),
    ),
    X,
)
add("kl_div", lambda x: F.kl_div(F.log_softmax(x, 1), F.softmax(x + 1, 1), reduction="batchmean"), X)

add("linear", lambda x, w, b: (F.linear(x, w), F.linear(x, w, b)), X, torch.randn(3, 6), torch.randn(3))
add("linear-3d", nn.Linear(8, 3), SEQ)
add("linear-1d", nn.Linear(8, 3), SEQ[0, 0])
add("linear-f64", nn.Linear(8, 3).double(), SEQ.double())
add("bilinear", nn.Bilinear(6, 6, 3), X, X + 1)
add("matmul", lambda x: (x @ x.mT, x @ x[0].mT, x[0, 0] @ x[0, 1], x[0] @ x[0, 0], torch.bmm(x, x.mT)), SEQ)
add(
    "matrix-transposed-vector",
    lambda x: (x[0].t() @ x[0, :, 0], x.mT @ x[0, :, 0], torch.mv(x[0].t(), x[1, :, 1])),
    SEQ,
)
add("matmul-4d", lambda x: x @ x.transpose(-1, -2), IMG)
add("matmul-f64", lambda x: x @ x.mT, SEQ.double())
add("matmul-int", lambda x: x @ x.mT, torch.randint(-5, 5, (3, 4)))
add("matmul-i32", lambda x: x @ x.mT, torch.randint(-5, 5, (3, 4), dtype=torch.int32))
add(
    "mm-mv",
    lambda x: (
        torch.mm(x, x.t()),
        torch.mv(x, x[0]),
        torch.addmm(x, x @ x.t(), x),
        torch.chain_matmul(x, x.t(), x),
    ),
    X,
)
add(
    "addmm-scaled",
    lambda x: (torch.addmm(x, x @ x.t(), x, beta=0.5, alpha=2), torch.addmv(x[:, 0], x, x[0])),
    X,
)
add("baddbmm", lambda x: (torch.baddbmm(x, x @ x.mT, x, beta=0.5), torch.addbmm(x[0], x @ x.mT, x)), SEQ)
add("ger-inner", lambda x: (torch.ger(x[0], x[1]), torch.inner(x, x)), X)

add("conv1d", nn.Conv1d(4, 6, 3, padding=1, stride=2), SIG)
add("conv1d-same", nn.Conv1d(4, 6, 4, padding="same"), SIG)
add("conv2d", nn.Conv2d(4, 6, 3, padding=1), IMG)
add(
    "conv2d-options",
    nn.Conv2d(4, 8, (3, 2), stride=(2, 1), padding=(0, 1), dilation=(2, 1), groups=2, bias=False),
    IMG,
)
add("conv2d-same", nn.Conv2d(4, 6, 3, padding="same", dilation=2), IMG)
add("conv2d-valid", nn.Conv2d(4, 6, 3, padding="valid"), IMG)
add("conv2d-depthwise", nn.Conv2d(4, 4, 3, groups=4), IMG)
add("conv2d-reflect", nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), IMG)
add("conv2d-circular", nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"), IMG)
add("conv2d-unbatched", nn.Conv2d(4, 6, 3), IMG[0])
add("conv2d-f64", nn.Conv2d(4, 6, 3, padding=1).double(), IMG.double())
add("conv3d", nn.Conv3d(2, 3, 3, padding=1), VOL)
add("conv_transpose1d", nn.ConvTranspose1d(4, 3, 3, stride=2), SIG)
add("conv_transpose2d", nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1), IMG)
add("conv_transpose2d-groups", nn.ConvTranspose2d(4, 4, 3, groups=2, dilation=2), IMG)
add(
    "conv_transpose2d-size",
    lambda x, m=nn.ConvTranspose2d(4, 3, 3, stride=2): m(x, output_size=(20, 16)),
    IMG,
)
add("conv_transpose3d", nn.ConvTranspose3d(2, 3, 3), VOL)
add(
    "conv_tbc",
    lambda x, w: torch.conv_tbc(x, w, torch.zeros(3), 1),
    torch.randn(5, 2, 4),
    torch.randn(3, 4, 3),
)

for _n, _x in (("1", SIG), ("2", IMG), ("3", VOL)):
    add(f"max_pool{_n}d", getattr(nn, f"MaxPool{_n}d")(3, stride=2, padding=1), _x)
    add(f"max_pool{_n}d-ceil", getattr(nn, f"MaxPool{_n}d")(2, ceil_mode=True), _x)
    add(f"avg_pool{_n}d", getattr(nn, f"AvgPool{_n}d")(3, stride=2, padding=1), _x)
    add(
        f"avg_pool{_n}d-nopad",
        getattr(nn, f"AvgPool{_n}d")(3, stride=2, padding=1, count_include_pad=False),
        _x,
    )
    add(f"avg_pool{_n}d-ceil", getattr(nn, f"AvgPool{_n}d")(2, stride=2, ceil_mode=True), _x)
    add(f"adaptive_avg_pool{_n}d-1", getattr(nn, f"AdaptiveAvgPool{_n}d")(1), _x)
    add(f"adaptive_avg_pool{_n}d-odd", getattr(nn, f"AdaptiveAvgPool{_n}d")(3), _x)
    add(f"adaptive_max_pool{_n}d-1", getattr(nn, f"AdaptiveMaxPool{_n}d")(1), _x)
    add(f"adaptive_max_pool{_n}d-odd", getattr(nn, f"AdaptiveMaxPool{_n}d")(3), _x)
    add(f"batch_norm{_n}d", getattr(nn, f"BatchNorm{_n}d")(_x.shape[1]), _x)
    add(f"instance_norm{_n}d", getattr(nn, f"InstanceNorm{_n}d")(_x.shape[1], affine=True), _x)
    add(f"lp_pool{_n}d", getattr(nn, f"LPPool{_n}d")(2, 2), _x.abs())
    add(f"dropout{_n}d", getattr(nn, f"Dropout{_n}d")(), _x)
add("max_pool2d-dilation", nn.MaxPool2d(2, dilation=2), IMG)
add("max_pool2d-indices", lambda x: F.max_pool2d(x, 2, return_indices=True), IMG)
add("max_unpool2d", lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2), SQUARE)
add("avg_pool2d-divisor", lambda x: F.avg_pool2d(x, 2, divisor_override=3), IMG)
add("avg_pool2d-ceil-odd", lambda x: F.avg_pool2d(x, 3, 2, padding=1, ceil_mode=True), IMG)
add(
    "avg_pool2d-ceil-nopad",
    lambda x: F.avg_pool2d(x, 3, 2, padding=1, ceil_mode=True, count_include_pad=False),
    IMG,
)
add("max_pool2d-ceil-pad", lambda x: F.max_pool2d(x, 3, 2, padding=1, ceil_mode=True), IMG)
add("adaptive_avg_pool2d-rect", nn.AdaptiveAvgPool2d((2, 3)), IMG)
add("adaptive_avg_pool2d-none", nn.AdaptiveAvgPool2d((None, 3)), IMG)
add("adaptive_avg_pool2d-up", nn.AdaptiveAvgPool2d((12, 10)), IMG)
add("adaptive_avg_pool2d-divides", nn.AdaptiveAvgPool2d(4), SQUARE)
add("adaptive_max_pool2d-divides", nn.AdaptiveMaxPool2d(4), SQUARE)
add(
    "pool-f64",
    lambda x: (F.max_pool2d(x, 2), F.avg_pool2d(x, 2), F.adaptive_avg_pool2d(x, 1)),
    IMG.double(),
)
add("global-pool", lambda x: (x.mean((2, 3)), x.amax((2, 3)), x.flatten(2).mean(2)), IMG)

_BN = nn.BatchNorm2d(4)
_BN.running_mean, _BN.running_var = torch.randn(4), torch.rand(4) + 0.5
add("batch_norm-stats", nn.Sequential(nn.Conv2d(4, 4, 1), _BN), IMG)
add("batch_norm1d-2d", nn.BatchNorm1d(6), X)
add("batch_norm-noaffine", nn.BatchNorm2d(4, affine=False), IMG)
add("batch_norm-nostats", nn.BatchNorm2d(4, track_running_stats=False), IMG)
add("batch_norm-f64", nn.BatchNorm2d(4).double(), IMG.double())
add("layer_norm", nn.LayerNorm(8), SEQ)
add("layer_norm-2", nn.LayerNorm((5, 8)), SEQ)
add("layer_norm-noaffine", lambda x: F.layer_norm(x, (8,)), SEQ)
add("layer_norm-f64", nn.LayerNorm(8).double(), SEQ.double())
add("layer_norm-weight-only", lambda x, w: F.layer_norm(x, (8,), w), SEQ, torch.rand(8))
add("group_norm", nn.GroupNorm(2, 4), IMG)
add("group_norm-noaffine", nn.GroupNorm(2, 4, affine=False), IMG)
add("group_norm-3d", nn.GroupNorm(2, 4), SIG)
add("group_norm-2d", nn.GroupNorm(2, 6), X)
add("rms_norm", nn.RMSNorm(8), SEQ)
add("instance_norm-plain", nn.InstanceNorm2d(4), IMG)
add("instance_norm-stats", nn.InstanceNorm2d(4, track_running_stats=True), IMG)
add("local_response_norm", nn.LocalResponseNorm(2), IMG)
add("weight_norm", nn.utils.parametrizations.weight_norm(nn.Linear(6, 3)), X)
add("spectral_norm", nn.utils.parametrizations.spectral_norm(nn.Linear(6, 3)).eval(), X)

IDS = torch.tensor([[1, 4, 0], [2, 2, 3]])
add("embedding", nn.Embedding(5, 3), IDS)
add("embedding-padding", nn.Embedding(5, 3, padding_idx=0), IDS)
add("embedding-i32", nn.Embedding(5, 3), IDS.int())
add("embedding_bag-mean", nn.EmbeddingBag(5, 3), IDS)
add("embedding_bag-sum", nn.EmbeddingBag(5, 3, mode="sum"), IDS)
add("embedding_bag-max", nn.EmbeddingBag(5, 3, mode="max"), IDS)
add("embedding_bag-offsets", nn.EmbeddingBag(5, 3, mode="sum"), IDS.flatten(), torch.tensor([0, 2, 3]))

for _cls in ("RNN", "LSTM", "GRU"):
    _make = getattr(nn, _cls)
    _flat = lambda m: lambda *a: (r := m(*a), (r[0], *r[1]) if isinstance(r[1], tuple) else (r[0], r[1]))[1]  # noqa: E731
    add(f"{_cls}", _flat(_make(8, 4, batch_first=True)), SEQ)
    add(f"{_cls}-time-first", _flat(_make(8, 4)), SEQ)
    add(f"{_cls}-layers", _flat(_make(8, 4, num_layers=2, batch_first=True)), SEQ)
    add(f"{_cls}-bidirectional", _flat(_make(8, 4, bidirectional=True, batch_first=True)), SEQ)
    add(f"{_cls}-deep-bidirectional", _flat(_make(8, 4, num_layers=2, bidirectional=True)), SEQ)
    add(f"{_cls}-nobias", _flat(_make(8, 4, bias=False, batch_first=True)), SEQ)
    add(f"{_cls}-unbatched", _flat(_make(8, 4)), SEQ[0])
    add(f"{_cls}-f64", _flat(_make(8, 4, batch_first=True).double()), SEQ.double())
_H = torch.randn(1, 2, 4)
add(
    "LSTM-state",
    lambda x, h, c, m=nn.LSTM(8, 4, batch_first=True): (m(x, (h, c))[0], *m(x, (h, c))[1]),
    SEQ,
    _H,
    _H + 1,
)
add("LSTM-proj", lambda x, m=nn.LSTM(8, 4, proj_size=3): (m(x)[0], *m(x)[1]), SEQ)
add("GRU-state", lambda x, h, m=nn.GRU(8, 4, batch_first=True): m(x, h), SEQ, _H)
add("RNN-relu-state", lambda x, h, m=nn.RNN(8, 4, nonlinearity="relu", batch_first=True): m(x, h), SEQ, _H)
add("LSTMCell", lambda x, m=nn.LSTMCell(6, 4): m(x), X)
add("LSTMCell-state", lambda x, h, c, m=nn.LSTMCell(6, 4): m(x, (h, c)), X, _H[0], _H[0] + 1)
add("GRUCell", nn.GRUCell(6, 4), X, _H[0])
add("RNNCell", nn.RNNCell(6, 4), X, _H[0])
add("GRUCell-nobias", nn.GRUCell(6, 4, bias=False), X)
add("GRUCell-f64", nn.GRUCell(6, 4).double(), X.double())

Q = torch.randn(2, 2, 5, 4)
MASK = torch.ones(5, 5).tril().bool()
add("sdpa", lambda q: F.scaled_dot_product_attention(q, q + 1, q - 1), Q)
add("sdpa-causal", lambda q: F.scaled_dot_product_attention(q, q + 1, q - 1, is_causal=True), Q)
add("sdpa-mask", lambda q, m: F.scaled_dot_product_attention(q, q + 1, q - 1, attn_mask=m), Q, MASK)
add(
    "sdpa-float-mask",
    lambda q, m: F.scaled_dot_product_attention(q, q, q, attn_mask=m),
    Q,
    torch.randn(5, 5),
)
add(
    "sdpa-masked-row",
    lambda q, m: F.scaled_dot_product_attention(q, q, q, attn_mask=m),
    Q,
    MASK & (torch.arange(5) != 0)[:, None],
)
add("sdpa-scale", lambda q: F.scaled_dot_product_attention(q, q, q, scale=0.3), Q)
add("sdpa-3d", lambda q: F.scaled_dot_product_attention(q, q + 1, q), Q[0])
add("sdpa-2d", lambda q: F.scaled_dot_product_attention(q, q + 1, q), Q[0, 0])
add("sdpa-cross", lambda q: F.scaled_dot_product_attention(q[:, :, :2], q, q), Q)
add(
    "sdpa-mask-causal",
    lambda q: F.scaled_dot_product_attention(q, q, q, attn_mask=q[:1, :1, :, :1] * 0.5, is_causal=True),
    Q,
)
add(
    "sdpa-shown-causal",
    lambda q: F.scaled_dot_product_attention(q, q, q, attn_mask=q[:1, :1, :, :1] > 0, is_causal=True),
    Q,
)
add("sdpa-cross-causal", lambda q: F.scaled_dot_product_attention(q[:, :, :2], q, q, is_causal=True), Q)
add("sdpa-gqa", lambda q: F.scaled_dot_product_attention(q, q[:, :1], q[:, :1], enable_gqa=True), Q)
add("sdpa-f64", lambda q: F.scaled_dot_product_attention(q, q, q), Q.double())
_MHA = nn.MultiheadAttention(8, 2, batch_first=True).eval()
add("mha", lambda x: _MHA(x, x, x), SEQ)
add("mha-noweights", lambda x: _MHA(x, x, x, need_weights=False)[0], SEQ)
add("mha-mask", lambda x: _MHA(x, x, x, attn_mask=torch.ones(5, 5).triu(1).bool()), SEQ)
add(
    "mha-padding",
    lambda x, p: _MHA(x, x, x, key_padding_mask=p),
    SEQ,
    torch.tensor([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]).bool(),
)
add("mha-cross", lambda x: _MHA(x[:, :2], x, x, average_attn_weights=False), SEQ)
add("encoder-layer", nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), SEQ)
add(
    "encoder",
    nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu"), 2),
    SEQ,
)
add("decoder-layer", nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), SEQ, SEQ + 1)
add("transformer-norm-first", nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True), SEQ)

for _mode in ("nearest", "nearest-exact", "linear"):
    add(
        f"interpolate1d-{_mode}",
        lambda x, m=_mode: (F.interpolate(x, 7, mode=m), F.interpolate(x, scale_factor=2, mode=m)),
        SIG,
    )
for _mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "area"):
    add(f"interpolate-{_mode}-size", lambda x, m=_mode: F.interpolate(x, (5, 11), mode=m), IMG)
    add(f"interpolate-{_mode}-scale", lambda x, m=_mode: F.interpolate(x, scale_factor=2, mode=m), IMG)
    add(f"interpolate-{_mode}-down", lambda x, m=_mode: F.interpolate(x, scale_factor=0.5, mode=m), IMG)
    add(
        f"interpolate-{_mode}-f64",
        lambda x, m=_mode: F.interpolate(x, scale_factor=2, mode=m),
        IMG.double(),
    )
for _mode in ("bilinear", "bicubic"):
    add(
        f"interpolate-{_mode}-corners",
        lambda x, m=_mode: F.interpolate(x, (5, 11), mode=m, align_corners=True),
        IMG,
    )
    add(
        f"interpolate-{_mode}-antialias",
        lambda x, m=_mode: F.interpolate(x, (5, 4), mode=m, antialias=True),
        IMG,
    )
    add(
        f"interpolate-{_mode}-odd-scale", lambda x, m=_mode: F.interpolate(x, scale_factor=1.7, mode=m), IMG
    )
    add(
        f"interpolate-{_mode}-recompute",
        lambda x, m=_mode: F.interpolate(x, scale_factor=1.7, mode=m, recompute_scale_factor=True),
        IMG,
    )
add("interpolate-nearest-odd-scale", lambda x: F.interpolate(x, scale_factor=1.7), IMG)
add("interpolate-nearest-odd-down", lambda x: F.interpolate(x, (4, 5)), IMG)
add(
    "interpolate3d",
    lambda x: (F.interpolate(x, scale_factor=2), F.interpolate(x, (3, 4, 5), mode="trilinear")),
    VOL,
)
add(
    "upsample",
    lambda x: (
        nn.Upsample(scale_factor=2)(x),
        nn.UpsamplingBilinear2d(scale_factor=2)(x),
        nn.UpsamplingNearest2d((3, 4))(x),
    ),
    IMG,
)
GRID = torch.rand(2, 5, 6, 2) * 2.4 - 1.2
for _mode in ("bilinear", "nearest", "bicubic"):
    for _pad in ("zeros", "border", "reflection"):
        for _corners in (False, True):
            add(
                f"grid_sample-{_mode}-{_pad}-{_corners}",
                lambda x, g, m=_mode, p=_pad, c=_corners: F.grid_sample(x, g, m, p, c),
                IMG,
                GRID,
            )
add(
    "grid_sample-3d",
    lambda x, g: F.grid_sample(x, g, align_corners=False),
    VOL,
    torch.rand(1, 2, 3, 4, 3) * 2 - 1,
)
add(
    "affine_grid",
    lambda t: (
        F.affine_grid(t, [2, 3, 4, 5], align_corners=False),
        F.affine_grid(t, [2, 3, 4, 5], align_corners=True),
    ),
    torch.randn(2, 2, 3),
)
add(
    "stn",
    lambda x, t: F.grid_sample(
        x, F.affine_grid(t, list(x.shape), align_corners=False), align_corners=False
    ),
    IMG,
    torch.randn(2, 2, 3),
)
add("pixel_shuffle", lambda x: (F.pixel_shuffle(x, 2), F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2)), IMG)
add("channel_shuffle", lambda x: F.channel_shuffle(x, 2), IMG)
add("unfold", lambda x: (F.unfold(x, 3), F.unfold(x, (2, 3), padding=1, stride=2, dilation=1)), IMG)
add("fold", lambda x: F.fold(F.unfold(x, 3, padding=1), (9, 7), 3, padding=1), IMG)
add("fold-stride", lambda x: F.fold(F.unfold(x, 2, stride=2), (8, 8), 2, stride=2), SQUARE)
for _mode in ("constant", "reflect", "replicate", "circular"):
    add(f"pad-{_mode}", lambda x, m=_mode: F.pad(x, (1, 2, 2, 1), mode=m), IMG)
    add(f"pad-{_mode}-1d", lambda x, m=_mode: F.pad(x, (1, 2), mode=m), SIG)
add("pad-value", lambda x: (F.pad(x, (1, 1), value=3.5), F.pad(x, (-1, 1)), F.pad(x, (0, 0, 1, 1))), X)
add("pad-int-bool", lambda x: (F.pad(x.long(), (1, 1), value=3), F.pad(x > 0, (1, 1), value=True)), X)
add("pad-f64", lambda x: F.pad(x, (1, 1), value=0.5), X.double())
add(
    "pads",
    lambda x: (
        nn.ZeroPad2d(1)(x),
        nn.ReflectionPad2d((1, 0, 2, 1))(x),
        nn.ReplicationPad2d(1)(x),
        nn.ConstantPad2d(1, 3.0)(x),
    ),
    IMG,
)
add("zero_pad1d", nn.ConstantPad1d((0, 2), 0.0), SIG)

add(
    "residual-block",
    nn.Sequential(
        nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)
    ),
    IMG,
)
SQUEEZE = nn.Sequential(
    nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.SiLU(), nn.Conv2d(2, 4, 1), nn.Sigmoid()
)
add(
    "squeeze-excite",
    lambda x, m=SQUEEZE: x * m(x),
    IMG,
)
add(
    "rotary",
    lambda x: torch.cat([x[..., :4] * x.cos()[..., 4:], x[..., 4:].neg() * x.sin()[..., :4]], -1),
    SEQ,
)
add("positional", lambda x: x + torch.arange(x.shape[1]).float()[None, :, None].mul(0.1).sin(), SEQ)
add("gumbel-free-routing", lambda x: F.one_hot(x.argmax(1), 6).to(x.dtype) * x, X)
add("confidence", lambda x: (F.softmax(x, 1).max(1)[0].min(), -(x.softmax(1) * x.log_softmax(1)).sum(1)), X)
add("ctc-collapse", lambda x: torch.unique_consecutive(x.argmax(-1)[0]), SEQ)
add(
    "moe-weighted",
    lambda x: torch.einsum("be,beh->bh", F.softmax(x[:, :3], 1), x[:, None, :].expand(-1, 3, -1)),
    X,
)
add("inverse-det", lambda x: (torch.linalg.det(x), torch.det(x)), torch.randn(2, 3, 3))
add("cholesky", lambda x: torch.linalg.cholesky_ex(x @ x.mT + torch.eye(3)), torch.randn(3, 3))
add("inverse", lambda x: torch.linalg.inv_ex(x + 3 * torch.eye(3)), torch.randn(3, 3))
add("solve", lambda x: torch.linalg.solve_ex(x + 3 * torch.eye(3), x), torch.randn(3, 3))

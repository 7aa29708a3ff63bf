"""Operators on tensors of a declared free size: for every size what eager gives.

Many of PyTorch's kernels take sizes for numbers. What is called here is what networks call on signals of
any length, images of any size and batches of any number.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim

from dyncc.compiler import compile
from dyncc.compiler.diagnostics import CompileError
from dyncc.runtime.errors import InputError

Function = Callable[[torch.Tensor], Any]
_DRAWN = torch.Generator().manual_seed(0)
_W1, _W1T = torch.randn(3, 2, 3, generator=_DRAWN), torch.randn(2, 3, 3, generator=_DRAWN)
_W2, _W2T = torch.randn(3, 2, 3, 3, generator=_DRAWN), torch.randn(2, 3, 3, 3, generator=_DRAWN)
_DEPTHWISE, _PAIRS = torch.randn(2, 1, 3, 3, generator=_DRAWN), torch.randn(4, 2, 2, generator=_DRAWN)
_TURN = torch.tensor([[[0.7, 0.2, 0.0], [-0.2, 0.7, 0.1]]])

SIGNAL: dict[str, Function] = {
    "max_pool": lambda x: F.max_pool1d(x, 2),
    "max_pool-overlapping": lambda x: F.max_pool1d(x, 3, 1, 1),
    "max_pool-unbatched": lambda x: F.max_pool1d(x[0], 2, ceil_mode=True),
    "max_pool-indices": lambda x: F.max_pool1d(x, 2, return_indices=True),
    "max_pool-module": lambda x: nn.MaxPool1d(3, stride=2, dilation=1, padding=1)(x),
    "avg_pool": lambda x: F.avg_pool1d(x, 2, ceil_mode=True),
    "lp_pool": lambda x: F.lp_pool1d(x, 2, 2),
    "adaptive_avg_pool": lambda x: F.adaptive_avg_pool1d(x, 3),
    "adaptive_max_pool": lambda x: F.adaptive_max_pool1d(x, 2),
    "conv": lambda x: F.conv1d(x, _W1, padding=2, dilation=2),
    "conv-same": lambda x: F.conv1d(x, _W1, padding="same"),
    "conv_transpose": lambda x: F.conv_transpose1d(x, _W1T, stride=2),
    "pad-reflect": lambda x: F.pad(x, (1, 1), mode="reflect"),
    "pad-circular": lambda x: F.pad(x, (1, 1), mode="circular"),
    "interpolate": lambda x: F.interpolate(x, scale_factor=2, mode="linear"),
    "interpolate-size": lambda x: F.interpolate(x, size=7),
    "interpolate-aligned": lambda x: F.interpolate(x, size=7, mode="linear", align_corners=True),
    "interpolate-area": lambda x: F.interpolate(x, size=3, mode="area"),
    "var_mean": lambda x: torch.var_mean(x, -1),
    "std_mean": lambda x: torch.std_mean(x, -1, correction=0, keepdim=True),
    "quantile": lambda x: x.quantile(0.5, -1),
    "cummax": lambda x: x.cummax(-1),
    "sort": lambda x: x.sort(-1),
    "topk": lambda x: x.topk(2, -1),
    "trace": lambda x: (x[0].t() @ x[0]).trace(),
    "diagonal": lambda x: (x.transpose(1, 2) @ x).diagonal(dim1=1, dim2=2),
    "matmul-window": lambda x: x.transpose(1, 2) @ x[:, :, -4:],
    "matmul-window-first": lambda x: x[:, :, :4].transpose(1, 2) @ x,
    "attention-window": lambda x: F.scaled_dot_product_attention(
        x.transpose(1, 2), x.transpose(1, 2)[:, -4:], x.transpose(1, 2)[:, -4:]
    ),
    "tril": lambda x: (x.transpose(1, 2) @ x).tril(),
    "bilinear": lambda x: F.bilinear(x.transpose(1, 2), x.transpose(1, 2), _PAIRS),
    "take_along_dim": lambda x: x.take_along_dim(x.argsort(-1), -1),
    "take_along_dim-broadcast": lambda x: torch.take_along_dim(x, x[:, :1].argsort(-1), -1),
    "take_along_dim-flat": lambda x: torch.take_along_dim(x, x.flatten().argsort()),
    "scatter": lambda x: torch.zeros_like(x).scatter(-1, x.argsort(-1), x),
    "unfold": lambda x: x.unfold(-1, 2, 1),
    "roll": lambda x: x.roll(1, -1),
    "repeat_interleave": lambda x: x.repeat_interleave(2, -1),
    "meshgrid": lambda x: torch.meshgrid(x[0, 0], x[0, 1], indexing="ij"),
    "attention": lambda x: F.scaled_dot_product_attention(*[x.transpose(1, 2)] * 3, is_causal=True),
    "halves": lambda x: torch.cat(torch.cat([x, -x], -1).chunk(2, -1), 1),
    "affine_grid": lambda x: F.affine_grid(
        torch.eye(2, 3)[None], [1, 1, 2, x.shape[-1]], align_corners=True
    ),
}
IMAGE: dict[str, Function] = {
    "max_pool": lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True),
    "avg_pool": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, (3, 3)),
    "adaptive-one-axis": lambda x: F.adaptive_avg_pool2d(x, (None, 1)),
    "pyramid": lambda x: torch.cat([F.adaptive_max_pool2d(x, s).flatten(1) for s in (1, 2, 4)], 1),
    "conv": lambda x: F.conv2d(x, _W2, stride=2),
    "conv-same": lambda x: F.conv2d(x, _W2, padding="same"),
    "conv_transpose": lambda x: F.conv_transpose2d(x, _W2T, stride=2, padding=1, output_padding=1),
    "blur": lambda x: F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), _DEPTHWISE, stride=2, groups=2),
    "pad-to-multiple": lambda x: F.pad(x, (0, (4 - x.shape[-1] % 4) % 4, 0, (4 - x.shape[-2] % 4) % 4)),
    "resize": lambda x: F.interpolate(x, size=(5, 6)),
    "resize-bilinear": lambda x: F.interpolate(x, size=(5, 6), mode="bilinear"),
    "resize-aligned": lambda x: F.interpolate(x, size=(5, 6), mode="bilinear", align_corners=True),
    "resize-antialias": lambda x: F.interpolate(x, size=(3, 3), mode="bilinear", antialias=True),
    "resize-exact": lambda x: F.interpolate(x, size=(5, 5), mode="nearest-exact"),
    "resize-area": lambda x: F.interpolate(x, size=(3, 3), mode="area"),
    "resize-back": lambda x: F.interpolate(F.max_pool2d(x, 2), size=x.shape[-2:], mode="bilinear"),
    "half": lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear"),
    "bicubic": lambda x: x + F.interpolate(torch.ones(1, 2, 4, 4), size=x.shape[-2:], mode="bicubic"),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x.repeat(1, 2, 1, 1), 2),
    "unfold": lambda x: F.unfold(x, 3, padding=1),
    "fold": lambda x: F.fold(F.unfold(x, 3, padding=1), x.shape[-2:], 3, padding=1),
    "grid_sample": lambda x: F.grid_sample(
        x,
        F.affine_grid(torch.eye(2, 3)[None] * 0.7, list(x.shape), align_corners=False),
        align_corners=False,
    ),
    "var_mean": lambda x: torch.var_mean(x, (2, 3)),
    "places": lambda x: torch.stack(
        torch.meshgrid(torch.arange(x.shape[2]), torch.arange(x.shape[3]), indexing="ij")
    ),
    "halves": lambda x: torch.cat(torch.cat([x, x * 2], 2).chunk(2, 2), 1),
    "peaks": lambda x: x * (F.max_pool2d(x, 3, 1, 1) == x),
    "orientation": lambda x: x.mean() if x.shape[2] > x.shape[3] else x.sum(),
}
_GRU, _ATTENTION = nn.GRU(2, 3, batch_first=True), nn.MultiheadAttention(2, 1, batch_first=True)
_LAYER = nn.TransformerEncoderLayer(2, 1, 4, batch_first=True)
BATCH: dict[str, Function] = {
    "gru": lambda x: _GRU(x.flatten(2).transpose(1, 2), torch.zeros(1, x.size(0), 3)),
    "attention": lambda x: _ATTENTION(*[x.flatten(2).transpose(1, 2)] * 3)[0],
    "layer": lambda x: _LAYER(x.flatten(2).transpose(1, 2)),
    "cross_entropy": lambda x: F.cross_entropy(x.mean((2, 3)), (x[:, 0, 0, 0] > 0).long()),
    "contrastive": lambda x: F.cross_entropy(x.flatten(1) @ x.flatten(1).t(), torch.arange(x.size(0))),
    "chosen": lambda x: x[torch.arange(x.shape[0]), (x[:, 0, 0, 0] > 0).long()],
    "scatter": lambda x: torch.zeros(x.shape[0], 3).scatter_(1, (x[:, 0, 0, :1] > 0).long(), 1.0),
    "class-token": lambda x: torch.cat([torch.ones(1, 1, 4).expand(x.shape[0], -1, -1), x[:, :, 0]], 1),
    "guidance": lambda x: torch.cat([x, -x]).chunk(2)[1],
    "halves": lambda x: torch.stack(torch.cat([x, -x]).split(x.shape[0])),
    "bilinear": lambda x: F.bilinear(x.mean((2, 3)), x.mean((2, 3)), _PAIRS),
    "kept": lambda x: x[x.mean((1, 2, 3)) > 0],
    "sorted": lambda x: x[x.mean((1, 2, 3)).argsort()],
    "spread": lambda x: torch.std_mean(x),
}  # fmt: skip


class _All(nn.Module):
    """Each function's result by its name."""

    def __init__(self, functions: dict[str, Function]) -> None:
        super().__init__()
        self.functions = functions
        self.layers = nn.ModuleList([_GRU, _ATTENTION, _LAYER]).eval()

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        return {name: function(x) for name, function in self.functions.items()}


@pytest.mark.parametrize(
    ("functions", "free", "shapes"),
    [
        (SIGNAL, {2: Dim("n", min=4)}, [(1, 2, 9), (1, 2, 4), (1, 2, 5), (1, 2, 12), (1, 2, 16)]),
        pytest.param(
            IMAGE,
            {2: Dim("h", min=4), 3: Dim("w", min=4)},
            [(1, 2, 9, 7), (1, 2, 4, 4), (1, 2, 4, 6), (1, 2, 12, 5), (1, 2, 16, 10)],
            marks=pytest.mark.slow,
        ),
        (BATCH, {0: Dim("b", min=1)}, [(3, 2, 4, 4), (1, 2, 4, 4), (2, 2, 4, 4), (5, 2, 4, 4)]),
    ],
    ids=["signal", "image", "batch"],
)
def test_free_sizes(
    functions: dict[str, Function], free: dict[int, Any], shapes: list[tuple[int, ...]], tmp_path: Any
) -> None:
    torch.manual_seed(0)
    model = _All(functions).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = compile(
            model, (torch.randn(shapes[0]),), dynamic_shapes=(free,), output=tmp_path / "net.dyncc"
        )
        for shape in shapes:
            x = torch.randn(shape)
            expected, found = model(x.clone()), net(x.clone())
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


def test_a_size_that_is_refused(tmp_path: Any) -> None:
    """PyTorch normalizes no instance of one element; an engine would."""

    def normalized(x: torch.Tensor) -> torch.Tensor:
        return F.instance_norm(x)

    net = compile(
        normalized, (torch.randn(1, 2, 9),), dynamic_shapes=({2: Dim("n")},), output=tmp_path / "n"
    )
    for length in (2, 3, 0, 7):
        x = torch.randn(1, 2, length)
        torch.testing.assert_close(net(x), normalized(x), atol=1e-4, rtol=1e-3)
    with pytest.raises(RuntimeError, match="sizes do not fit"):
        net(torch.randn(1, 2, 1))


def _pooled(x: torch.Tensor) -> torch.Tensor:
    y = F.max_pool1d(x.t()[None], 3)[0].t().squeeze(0)
    return y * 2 if x.sum() > 0 else y


ROWS = torch.linspace(-1, 2, 24).view(6, 4)


@pytest.mark.parametrize("form", ["Dim", "hint", "positional"])
def test_a_declared_range_is_checked(form: str, tmp_path: Path) -> None:
    dim = Dim.DYNAMIC(min=6, max=8) if form == "hint" else Dim("n", min=6, max=8)  # type: ignore[operator]
    shapes = ({0: dim},) if form == "positional" else {"x": {0: dim}}
    net = compile(_pooled, (ROWS,), dynamic_shapes=shapes, output=tmp_path / "net.dyncc")
    for rows in (6, 7, 8):
        x = torch.ones(rows, 4)
        assert torch.equal(net(x), _pooled(x)) and torch.equal(net(-x), _pooled(-x))
    for rows in (5, 9):
        with pytest.raises(InputError, match=rf"compiled for 6 <= s0 <= 8 .*size 0 of `x`.* s0 = {rows}"):
            net(torch.ones(rows, 4))


def test_a_range_may_have_one_end(tmp_path: Path) -> None:
    shapes = {"x": {0: Dim("n", min=3)}}
    net = compile(_pooled, (ROWS,), dynamic_shapes=shapes, output=tmp_path / "least.dyncc")
    net(torch.ones(99, 4))
    with pytest.raises(InputError, match="s0 >= 3"):
        net(torch.ones(2, 4))
    shapes = {"x": {0: Dim("n", max=7)}}
    net = compile(_pooled, (ROWS,), dynamic_shapes=shapes, output=tmp_path / "most.dyncc")
    net(torch.ones(3, 4))
    with pytest.raises(InputError, match="s0 <= 7"):
        net(torch.ones(8, 4))


def test_sizes_out_of_a_declared_range_are_not_thought_of(tmp_path: Path) -> None:
    """Whether the pooled row is one is asked of no size that always gives two."""

    def blocks(name: str, **limits: int) -> int:
        shapes = {"x": {0: Dim("n", **limits)}}
        net = compile(
            lambda x: x.squeeze(0) * 2, (ROWS,), dynamic_shapes=shapes, output=tmp_path / f"{name}.dyncc"
        )
        return len(net.program.blocks)

    assert blocks("ranged", min=2) == 1 < blocks("free")


def test_an_example_out_of_the_declared_range_is_refused(tmp_path: Path) -> None:
    shapes = {"x": {0: Dim("n", min=7, max=8)}}
    with pytest.raises(CompileError) as caught:
        compile(_pooled, (ROWS,), dynamic_shapes=shapes, output=tmp_path / "net.dyncc")
    (problem,) = caught.value.diagnostics
    assert problem.code == "DY201" and problem.message.startswith("size 0 of `x` is 6 in the example")
    assert problem.notes == ("declared is 7 <= n <= 8",)

"""Sizes that a call does not take are refused when the network runs: an engine would answer something."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim

from dyncc.compiler import compile

Function = Callable[[torch.Tensor], Any]
_DRAWN = torch.Generator().manual_seed(0)
_W3, _W4 = torch.randn(3, 2, 3, generator=_DRAWN), torch.randn(3, 2, 4, generator=_DRAWN)

SELECTED: dict[str, Function] = {
    "min": lambda x: x[x > 2].min(),
    "max": lambda x: x[x > 2].max(),
    "max_int": lambda x: (x[x > 2] * 2).long().max(),
    "max_bool": lambda x: (x[x > 2] > 0).max(),
    "argmax": lambda x: x[x > 2].argmax(),
    "argmin": lambda x: x[x > 2].argmin(),
    "amin": lambda x: torch.amin(x[x > 2]),
    "aminmax": lambda x: tuple(torch.aminmax(x[x > 2])),
    "norm": lambda x: x[x > 2].norm(float("inf")),
    "topk": lambda x: x[x > 2].topk(1)[0],
    "kthvalue": lambda x: x[x > 2].kthvalue(1)[0],
    "amax_dim": lambda x: x[x[:, 0] > 2].amax(0),
    "max_dim": lambda x: tuple(x[x[:, 0] > 2].max(0)),
    "min_keepdim": lambda x: x[x[:, 0] > 2].min(0, keepdim=True)[0],
    "argmax_dim": lambda x: x[x[:, 0] > 2].argmax(0),
    "median_dim": lambda x: x[x[:, 0] > 2].median(0)[0],
    "flattened": lambda x: x[x[:, 0] > 2].flatten(0).max(),
}
"""What raises where nothing is selected."""


def _without_three(x: torch.Tensor) -> torch.Tensor:
    x.narrow(-1, 0, 3).zero_()
    return x


SLIDING: dict[str, Function] = {
    "max_pool": lambda x: F.max_pool1d(x, 2),
    "max_pool_strided": lambda x: F.max_pool1d(x, 3, 2),
    "max_pool_ceil": lambda x: F.max_pool1d(x, 4, 3, ceil_mode=True),
    "max_pool_padded": lambda x: F.max_pool1d(x, 4, 2, padding=1),
    "avg_pool": lambda x: F.avg_pool1d(x, 3, 2),
    "lp_pool": lambda x: F.lp_pool1d(x, 2, 3),
    "stages": lambda x: F.max_pool1d(F.conv1d(F.max_pool1d(x, 2), _W3[:2], padding=1), 2),
    "conv": lambda x: F.conv1d(x, _W4, stride=3, padding=1),
    "conv_dilated": lambda x: F.conv1d(x, _W3, dilation=2, stride=2),
    "pad_reflect": lambda x: F.pad(x, (2, 1), mode="reflect"),
    "pad_circular": lambda x: F.pad(x, (2, 1), mode="circular"),
    "pad_negative": lambda x: F.pad(x, (-2, 0)),
    "interpolate": lambda x: F.interpolate(x, scale_factor=0.4, mode="linear"),
    "interpolate_nearest": lambda x: F.interpolate(x, scale_factor=0.4),
    "topk": lambda x: x.topk(3, -1)[0],
    "narrow": lambda x: x.narrow(-1, 0, 3),
    "narrow_changed": lambda x: _without_three(x.clone()),
    "select": lambda x: x[..., 2] + x[..., -3],
    "unfold": lambda x: x.unfold(-1, 3, 1),
    "patches": lambda x: F.unfold(x.unsqueeze(2), (1, 3)),
    "index": lambda x: x[..., [0, 2]],
    "adaptive_max": lambda x: F.adaptive_max_pool1d(x, 2),
    "adaptive_avg": lambda x: F.adaptive_avg_pool1d(x, 2),
    "instance_norm": lambda x: F.instance_norm(x),
    "group_norm": lambda x: F.group_norm(x, 2),
    "maximum": lambda x: x.max(-1),
}
"""What takes windows of a signal of any length, or raises for short ones."""


def _compiled(functions: Mapping[str, Function], x: torch.Tensor, folder: Path, *free: int) -> Any:
    """All functions as methods of one bundle; the sizes of the axes ``free`` are."""
    model = nn.Module()
    methods = {}
    for name, function in functions.items():

        def method(self: Any, x: torch.Tensor, function: Function = function) -> Any:
            return function(x)

        methods[name] = (types.MethodType(method, model), (x,))
    shapes = {name: ({axis: Dim("n") for axis in free},) for name in functions} if free else None
    return compile(methods, dynamic_shapes=shapes, output=folder / "net.dyncc")


def _outcome(function: Function, x: torch.Tensor) -> Any:
    try:
        return function(x.clone())
    except Exception as error:
        return error


def _check(net: Any, functions: Mapping[str, Function], calls: Sequence[torch.Tensor]) -> None:
    wrong = []
    for name, function in functions.items():
        outcomes = [(_outcome(function, x), _outcome(getattr(net, name), x)) for x in calls]
        assert any(isinstance(expected, Exception) for expected, _ in outcomes), name
        for x, (expected, found) in zip(calls, outcomes, strict=True):
            if isinstance(expected, Exception) and isinstance(found, Exception):
                continue
            try:
                torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3, equal_nan=True)
            except (AssertionError, TypeError) as error:
                wrong.append(f"{name}, {list(x.shape)}: {error}")
    assert not wrong


def test_nothing_selected(tmp_path: Path) -> None:
    some = torch.tensor([[3.0, 1.0, 2.0], [1.0, 5.0, 0.0], [4.0, 3.0, -1.0]])
    _check(
        _compiled(SELECTED, some, tmp_path), SELECTED, [some, torch.zeros(3, 3), torch.full((3, 3), 7.0)]
    )


@pytest.mark.parametrize(
    "later", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["at-once", "later"]
)
def test_short_signals(later: bool, tmp_path: Path) -> None:
    """``later``: the length is one that an earlier block computed."""

    def late(function: Function) -> Function:
        def chosen(x: torch.Tensor) -> Any:
            y = x[:, :, x[0, 0] > -9]
            return function(y + 1 if y.sum() > 1000 else y)

        return chosen

    functions = {name: late(function) if later else function for name, function in SLIDING.items()}
    x = torch.randn(1, 2, 9, generator=_DRAWN)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = _compiled(functions, x, tmp_path, 2)
    _check(net, functions, [x[..., :length] for length in (0, 1, 2, 3, 4, 5, 9)])

"""Operands whose sizes data decide: they fit, are broadcast, or the bundle raises where PyTorch does."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dyncc.compiler import compile
from dyncc.runtime import EngineError

Binary = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Any]


class OfParts(nn.Module):
    """A function of the elements above 0, of those below 1, and of all."""

    def __init__(self, function: Binary) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x[x > 0], x[x < 1], x)


FUNCTIONS: dict[str, Binary] = {
    "add-in-place": lambda a, b, x: a.add_(b),
    "augmented": lambda a, b, x: a.__iadd__(b),
    "copy": lambda a, b, x: a.copy_(b),
    "where": lambda a, b, x: torch.where(a > 0, a, b),
    "stack": lambda a, b, x: torch.stack([a, b]),
    "cat": lambda a, b, x: torch.cat([a[None], b[None]]),
    "vstack": lambda a, b, x: torch.vstack([a, b]),
    "dot": lambda a, b, x: a @ b,
    "outer": lambda a, b, x: torch.outer(a, b),
    "index_put": lambda a, b, x: x.clone().index_put_((torch.arange(2),), b),
    "masked_scatter": lambda a, b, x: x.masked_scatter(x > 0, b),
    "mask": lambda a, b, x: x[b > 0],
    "lerp": lambda a, b, x: torch.lerp(a, b, 0.5),
    "maximum": lambda a, b, x: torch.maximum(a, b),
    "mse": lambda a, b, x: F.mse_loss(a, b),
    "bmm": lambda a, b, x: torch.bmm(a[None, :, None], b[None, None, :]),
    "einsum": lambda a, b, x: torch.einsum("i,i->", a, b),
    "gather": lambda a, b, x: a.gather(0, torch.arange(b.shape[0])),
    "view_as": lambda a, b, x: a.view_as(b),
    "reshape": lambda a, b, x: a.reshape(2, -1),
    "cosine": lambda a, b, x: torch.cosine_similarity(a, b, 0),
    "narrow": lambda a, b, x: a.narrow(0, 0, b.shape[0]),
    "slice": lambda a, b, x: a[: b.shape[0]],
    "copy-joined": lambda a, b, x: x.clone().copy_(torch.cat([a, b])),
    "stack-joined": lambda a, b, x: torch.stack([x, torch.cat([a, b])]),
    "conv": lambda a, b, x: F.conv1d(a[None, None], b[None, None]),
    "conv_transpose": lambda a, b, x: F.conv_transpose1d(a[None, None], torch.ones(1, 1, 2)),
    "interpolate": lambda a, b, x: F.interpolate(a[None, None], scale_factor=2),
    "max_pool": lambda a, b, x: F.adaptive_max_pool1d(a[None], 1),
    "bce": lambda a, b, x: F.binary_cross_entropy_with_logits(a, (b > 0).float()),
}
QUICK = ("add-in-place", "stack", "mask", "maximum")
CALLS = [
    (torch.tensor(values),)
    for values in (
        [0.5, 0.25], [2.0, -1.0], [2.0, 0.5], [0.5, -1.0, -1.0], [2.0, 2.0, -1.0], [2.0, 3.0], [-1.0, -2.0],
        [0.5], [2.0, 3.0, -1.0], [0.5, 0.5, 3.0], [3.0, 4.0, -1.0, -2.0], [-1.0, 0.5, 0.25, 5.0],
    )
]  # fmt: skip


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FUNCTIONS]
)
def test_parts_of_a_tensor(name: str, tmp_path: Path) -> None:
    sizes = ({0: torch.export.Dim("n", min=1)},)
    calls = CALLS[1:] if "joined" in name else CALLS  # the first is one that eager takes
    check(OfParts(FUNCTIONS[name]), calls, tmp_path, dynamic_shapes=sizes)


def test_the_error_tells_what_does_not_fit(tmp_path: Path) -> None:
    sizes = ({0: torch.export.Dim("n", min=1)},)
    net = compile(
        OfParts(FUNCTIONS["stack"]), CALLS[0], output=tmp_path / "net.dyncc", dynamic_shapes=sizes
    )
    with pytest.raises(EngineError, match=r"test_sizes_that_fit.py:\d+: .*sizes do not fit"):
        net(torch.tensor([2.0, 3.0]))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.GRU(1, 2)

    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x[x > 0][:, None])[1]


def shifted(x: torch.Tensor) -> torch.Tensor:
    y, i = x.clone(), 0
    while i < x.shape[0] - 1 and y[i] < 50:
        y[i + 1] += y[i]
        i += 1
    return y


@pytest.mark.parametrize("model", [Recurrent(), shifted], ids=["recurrent", "shifted"])
def test_other_sizes(model: Any, tmp_path: Path) -> None:
    calls = [(torch.tensor(v),) for v in ([1.0, 2, -1], [3.0], [-1.0], [30.0, 30, 2, 3], [1.0, 2, 3])]
    check(model, calls, tmp_path, dynamic_shapes=({0: torch.export.Dim("n", min=1)},))


class Frames(nn.Module):
    """A cell that takes a frame at a time, until it is sure."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRUCell(8, 16), nn.Linear(16, 4)

    def forward(self, frames: torch.Tensor, first: int) -> Any:
        h, t = torch.zeros(1, 16), first
        while t < frames.shape[0]:
            h = self.cell(frames[t : t + 1], h)
            if self.head(h).softmax(-1).max() > 0.31:
                break
            t += 1
        return h, t


def test_a_slice_of_one_frame(tmp_path: Path) -> None:
    torch.manual_seed(0)
    calls = [(torch.randn(12, 8), first) for first in (0, 3, 11, 12, -1, -2, -12, -14)]
    net = check(Frames().eval(), calls, tmp_path)
    assert len(net.program.blocks) < 16  # and not some for each frame


def check(model: nn.Module, calls: Sequence[Any], folder: Path, **options: Any) -> Any:
    net = compile(model, calls[0], output=folder / "net.dyncc", **options)
    kinds = {
        _same(_outcome(model, copy.deepcopy(args)), _outcome(net, copy.deepcopy(args))) for args in calls
    }
    assert "result" in kinds
    return net


def _outcome(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    try:
        return function(*args)
    except Exception as error:
        return error


def _same(expected: Any, actual: Any) -> str:
    """Whether both raise or give the same; which of the two."""
    if isinstance(expected, Exception) or isinstance(actual, Exception):
        assert isinstance(expected, Exception) and isinstance(actual, Exception), (expected, actual)
        return "error"
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5, equal_nan=True)
    return "result"

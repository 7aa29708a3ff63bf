"""Sizes that are sums and products of others, followed over decisions; and given up where they vary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from dyncc.compiler import compile


def tokens(x: torch.Tensor) -> Any:
    """A batch as one row of tokens, and back after a decision: what each mixture of experts does."""
    flat = x.reshape(-1, 4)
    out = torch.zeros_like(flat)
    for bound in (0.0, 0.5):
        chosen = torch.where(flat.mean(-1) > bound)[0]
        if chosen.numel() == 0:
            continue
        out.index_add_(0, chosen, flat[chosen] * 2)
    return x + out.view(x.shape), out.view_as(x)


def joined(x: torch.Tensor) -> Any:
    """A sum of two sizes, and a shift of it."""
    both = torch.cat([x[:, 0], x[0]])
    padded = torch.cat([both, both.new_zeros(1, 4)])
    if x.sum() > 0:
        both = both * 2
    pad = x.shape[0] + x.shape[1]
    return both.view(pad, 4), padded[1:] + both, padded[:pad] - both


def prompt(x: torch.Tensor) -> Any:
    """What grows beside what it began as."""
    now = x[0, :, 0]
    while now.sum() < 20:
        now = torch.cat([now, now.new_full((1,), 4.0)])
    return now, x * 2, now.shape[0] - x.shape[1]


def in_step(x: torch.Tensor) -> Any:
    """Two that grow together, and what they began as."""
    ids, mask = x[0, :, 0], torch.ones(x.shape[1])
    while (ids * mask).sum() < 20:
        ids = torch.cat([ids, ids.new_full((1,), 3.0)])
        mask = torch.cat([mask, mask.new_ones(1)])
    return ids * mask, x + 1


def doubled(x: torch.Tensor) -> Any:
    flat = x[0, :, 0]
    while flat.abs().sum() < 20:
        flat = torch.cat([flat, flat + 1])
    return flat, x.mean()


def by_rows(x: torch.Tensor) -> Any:
    """It grows by a whole other tensor."""
    rows = x[0]
    while rows.abs().sum() < 40:
        rows = torch.cat([rows, x[-1] + 1])
    return rows, x.shape[0] * x.shape[1]


def squared(x: torch.Tensor) -> Any:
    scores = x[0] @ x[0].T
    flat = scores.reshape(-1)
    if flat.max() > 1:
        flat = flat / flat.max()
    return flat.view(scores.shape) + scores, flat.view(x.shape[1], -1)


def pruned(x: torch.Tensor) -> Any:
    """One of two sizes after a decision: of the whole, or what data choose."""
    flat = x.reshape(-1, 4)
    if flat.mean() > 0:
        flat = flat[flat.mean(-1) > 0]
    if flat.sum() > 8:
        flat = flat * 2
    return flat, x.shape[0]


FUNCTIONS = [tokens, joined, prompt, in_step, doubled, by_rows, squared, pruned]


class Net(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


def inputs() -> list[torch.Tensor]:
    """Float32 ``[1 to 4, 1 to 6, 4]`` around -1, 0 and 1."""
    generator = torch.Generator().manual_seed(3)
    shapes = [(2, 3), (1, 1), (4, 2), (3, 6), (1, 5), (2, 2)]
    return [
        torch.randn(*shape, 4, generator=generator) + shift
        for shift in (0.0, 1.0, -1.0)
        for shape in shapes
    ]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_sizes_are_followed(function: Callable[[torch.Tensor], Any], tmp_path: Path) -> None:
    free: Any = ({0: Dim("batch"), 1: Dim("length")},)
    examples = [((x,), {}) for x in inputs()]
    net = compile(
        Net(function), (inputs()[0],), dynamic_shapes=free, examples=examples, output=tmp_path / "n"
    )
    for x in inputs():
        torch.testing.assert_close(net(x), function(x), rtol=1e-4, atol=1e-4)


TABLE = torch.linspace(-1, 1, 36).view(9, 4)


def positions(x: torch.Tensor) -> Any:
    """The rows of a table for the positions of a sequence, which may be no longer than it."""
    h = x + TABLE[: x.shape[1]]
    for bound in (0.5, 1.0):
        if h.mean() > bound:
            return h, bound
        h = torch.relu(h) + TABLE[: x.shape[1]] * 0.5
    return h, 0


def causal(x: torch.Tensor) -> Any:
    mask = TABLE.new_ones(9, 9).tril()[None]
    scores = x @ x.transpose(1, 2) * mask[:, : x.shape[1], : x.shape[1]]
    if scores.sum() > 0:
        scores = scores * 0.5
    return scores @ x


@pytest.mark.parametrize("function", [positions, causal], ids=lambda function: function.__name__)
def test_a_sequence_that_is_longer_than_a_table_raises(
    function: Callable[[torch.Tensor], Any], tmp_path: Path
) -> None:
    free: Any = ({0: Dim("batch"), 1: Dim("length")},)
    examples = [((x,), {}) for x in inputs()]
    net = compile(
        Net(function), (inputs()[0],), dynamic_shapes=free, examples=examples, output=tmp_path / "n"
    )
    for length in (1, 2, 3, 8, 9):
        for x in (torch.randn(2, length, 4), torch.randn(1, length, 4) - 1):
            torch.testing.assert_close(net(x), function(x), rtol=1e-4, atol=1e-4)
    for length in (10, 11, 40):
        with pytest.raises(RuntimeError):
            function(torch.ones(2, length, 4))
        with pytest.raises(RuntimeError):
            net(torch.ones(2, length, 4))

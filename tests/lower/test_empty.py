"""Reductions of no elements, and layers of no rows, that PyTorch answers: the engine answers the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.lower.harness import assert_same, lower, record, run_lowered

from dyncc.compiler.graph import run_graph

SOME = torch.tensor([[3.0, 1.0, 2.0], [1.0, 5.0, 0.0], [4.0, 3.0, -1.0]])
NONE = torch.zeros(3, 3)


def _elements(x: torch.Tensor) -> torch.Tensor:
    return x[x > 2]


def _rows(x: torch.Tensor) -> torch.Tensor:
    return x[x[:, 0] > 2]


def _images(x: torch.Tensor) -> torch.Tensor:
    """Of three channels and 4 × 4 points, one for each row that is left."""
    return _rows(x)[:, :, None, None] + torch.linspace(-1, 1, 16).view(4, 4)


def _weights(x: torch.Tensor) -> torch.Tensor:
    """Weights of a layer."""
    return x[0] * 0.5 + 1


ANSWERED: dict[str, Callable[..., Any]] = {
    "median": lambda x: _elements(x).median(),
    "median-int": lambda x: (_elements(x) * 2).long().median(),
    "softmax": lambda x: _elements(x).softmax(0),
    "any": lambda x: (_elements(x) > 0).any(),
    "all": lambda x: (_elements(x) > 0).all(),
    "all-rows": lambda x: (_rows(x) > 0).all(0),
    "std": lambda x: torch.std(_elements(x)),
    "var-rows": lambda x: torch.var_mean(_rows(x), 0),
    "mse_loss": lambda x: F.mse_loss(found := _elements(x), found * 2),
    "mean": lambda x: _elements(x).mean(),
    "other-dim": lambda x: _rows(x).amax(1),
    "softmax-rows": lambda x: _rows(x).softmax(0),
    "batch_norm": lambda x: F.batch_norm(_rows(x), x[0], x[:, 0].abs() + 1),
    "batch_norm-images": lambda x: F.batch_norm(_images(x), x[0], x[0].abs() + 1, _weights(x), None),
    "batch_norm-convolved": lambda x: F.batch_norm(
        F.conv2d(_images(x), x.view(3, 3, 1, 1)), x[0], x[0].abs() + 1
    ),
    "group_norm": lambda x: F.group_norm(_images(x).repeat(1, 2, 1, 1), 3, x.view(-1)[:6], None),
    "einsum": lambda x: torch.einsum("bchw,bdhw->bcd", _images(x), _images(x) + 1),
}


@pytest.fixture(scope="module")
def lowered() -> Any:
    graphs = {name: record(function, (SOME,)) for name, function in ANSWERED.items()}
    return graphs, lower(graphs)


@pytest.mark.parametrize("name", ANSWERED)
@pytest.mark.parametrize("x", [SOME, NONE], ids=["some", "none"])
def test_what_pytorch_answers(lowered: Any, name: str, x: torch.Tensor) -> None:
    graphs, program = lowered
    assert_same(run_lowered(program, name, (x,)), run_graph(graphs[name], (x,), {}), 1e-5, 1e-6)

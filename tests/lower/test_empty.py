"""Reductions of no elements: the engine refuses what PyTorch refuses, and answers what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.lower.harness import assert_same, lower, record, run_lowered

from dyncc.compiler.graph import run_graph

SOME = torch.tensor([[3.0, 1.0, 2.0], [1.0, 5.0, 0.0], [4.0, 3.0, -1.0]])
NONE = torch.zeros(3, 3)


def _elements(x: torch.Tensor) -> torch.Tensor:
    return x[x > 2]


def _rows(x: torch.Tensor) -> torch.Tensor:
    return x[x[:, 0] > 2]


REFUSED: dict[str, Callable[..., Any]] = {
    "min": lambda x: _elements(x).min(),
    "max": lambda x: _elements(x).max(),
    "max-int": lambda x: (_elements(x) * 2).long().max(),
    "max-bool": lambda x: (_elements(x) > 0).max(),
    "argmax": lambda x: _elements(x).argmax(),
    "argmin": lambda x: _elements(x).argmin(),
    "amin": lambda x: torch.amin(_elements(x)),
    "aminmax": lambda x: tuple(torch.aminmax(_elements(x))),
    "norm": lambda x: _elements(x).norm(float("inf")),
    "topk": lambda x: _elements(x).topk(1)[0],
    "kthvalue": lambda x: _elements(x).kthvalue(1)[0],
    "amax-dim": lambda x: _rows(x).amax(0),
    "max-dim": lambda x: tuple(_rows(x).max(0)),
    "min-keepdim": lambda x: _rows(x).min(0, keepdim=True)[0],
    "argmax-dim": lambda x: _rows(x).argmax(0),
    "median-dim": lambda x: _rows(x).median(0)[0],
    "flattened": lambda x: _rows(x).flatten(0).max(),
}
ANSWERED: dict[str, Callable[..., Any]] = {
    "median": lambda x: _elements(x).median(),
    "median-int": lambda x: (_elements(x) * 2).long().median(),
    "softmax": lambda x: _elements(x).softmax(0),
    "any": lambda x: (_elements(x) > 0).any(),
    "all": lambda x: (_elements(x) > 0).all(),
    "all-rows": lambda x: (_rows(x) > 0).all(0),
    "mean": lambda x: _elements(x).mean(),
    "other-dim": lambda x: _rows(x).amax(1),
    "softmax-rows": lambda x: _rows(x).softmax(0),
}


@pytest.fixture(scope="module")
def lowered() -> Any:
    graphs = {name: record(function, (SOME,)) for name, function in (REFUSED | ANSWERED).items()}
    return graphs, lower(graphs)


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses(lowered: Any, name: str) -> None:
    graphs, program = lowered
    assert_same(run_lowered(program, name, (SOME,)), run_graph(graphs[name], (SOME,), {}), 1e-5, 1e-6)
    with pytest.raises((IndexError, RuntimeError)):
        run_graph(graphs[name], (NONE,), {})
    with pytest.raises(Exception):  # noqa: B017  # whatever the engine raises
        run_lowered(program, name, (NONE,))


@pytest.mark.parametrize("name", ANSWERED)
@pytest.mark.parametrize("x", [SOME, NONE], ids=["some", "none"])
def test_what_pytorch_answers(lowered: Any, name: str, x: torch.Tensor) -> None:
    graphs, program = lowered
    assert_same(run_lowered(program, name, (x,)), run_graph(graphs[name], (x,), {}), 1e-5, 1e-6)

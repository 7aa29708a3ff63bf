"""An index that PyTorch refuses is refused by the engine; one that is known is not guarded for nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir
import pytest
import torch
import torch.nn.functional as F
from tests.lower.harness import assert_same, lower, record, run_lowered

from dyncc.compiler.graph import run_graph

X = torch.arange(24.0).reshape(4, 6)
GOOD = torch.tensor([0, 3, 1])
ROWS = GOOD.unsqueeze(1).expand(3, 6).contiguous()

REFUSED: dict[str, tuple[Callable[..., Any], torch.Tensor]] = {
    "embedding": (lambda x, i: F.embedding(i, x), GOOD),
    "embedding-i32": (lambda x, i: F.embedding(i, x), GOOD.int()),
    "embedding_bag": (lambda x, i: F.embedding_bag(i.unsqueeze(0), x, mode="sum"), GOOD),
    "index_select": (lambda x, i: x.index_select(0, i), GOOD),
    "gather": (lambda x, i: x.gather(0, i), ROWS),
    "scatter": (lambda x, i: x.scatter(0, i, 5.0), ROWS),
    "scatter-in-place": (lambda x, i: x.clone().scatter_(0, i, x[:3]), ROWS),
    "scatter_add": (lambda x, i: x.scatter_add(0, i, x[:3]), ROWS),
    "scatter_reduce": (lambda x, i: x.scatter_reduce(0, i, x[:3], "amax"), ROWS),
    "index_add": (lambda x, i: x.index_add(0, i, x[:3]), GOOD),
    "index_copy": (lambda x, i: x.index_copy(0, i, x[:3]), GOOD),
    "one_hot": (lambda x, i: F.one_hot(i, 4) * x[:3, :4], GOOD),
    "cross_entropy": (lambda x, i: F.cross_entropy(x[:3], i), GOOD),
}
ALLOWED: dict[str, Callable[..., Any]] = {
    "index": lambda x, i: x[i],
    "index-put": lambda x, i: x.index_put((i,), x.new_zeros(())),
    "index_fill": lambda x, i: x.index_fill(0, i, 2.0),
    "take_along_dim": lambda x, i: x.take_along_dim(i.unsqueeze(1).expand(3, 6) * 3, 0),
    "ignored": lambda x, i: F.cross_entropy(x[:3], i.clamp(min=-1), ignore_index=-1),
    "shifted": lambda x, i: x.index_select(0, (i + 2) // 2),
}


@pytest.fixture(scope="module")
def lowered() -> Any:
    graphs = {name: record(function, (X, good)) for name, (function, good) in REFUSED.items()}
    graphs |= {name: record(function, (X, GOOD)) for name, function in ALLOWED.items()}
    return graphs, lower(graphs)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("bad", [-1, -4, 6])
def test_what_pytorch_refuses(lowered: Any, name: str, bad: int) -> None:
    graphs, program = lowered
    good = REFUSED[name][1]
    assert_same(run_lowered(program, name, (X, good)), run_graph(graphs[name], (X, good), {}), 1e-5, 1e-6)
    wrong = good.clone()
    wrong.view(-1)[-1] = bad
    with pytest.raises((IndexError, RuntimeError)):
        run_graph(graphs[name], (X, wrong), {})
    with pytest.raises(Exception, match=r"(?i)indice|index|out of"):
        run_lowered(program, name, (X, wrong))


@pytest.mark.parametrize("name", ALLOWED)
def test_what_pytorch_counts_from_the_end(lowered: Any, name: str) -> None:
    graphs, program = lowered
    for values in ([0, 1, 1], [0, -1, 1], [-1, -2, 0]):
        index = torch.tensor(values)
        expected = run_graph(graphs[name], (X, index), {})
        assert_same(run_lowered(program, name, (X, index)), expected, 1e-5, 1e-6)


KNOWN: dict[str, Callable[[torch.Tensor], Any]] = {
    "argmax": lambda x: F.embedding(x[:, :4].argmax(-1), x),
    "topk": lambda x: x.gather(1, x.topk(2, dim=1)[1]),
    "sort": lambda x: x.gather(1, x.sort(descending=True)[1][:, :3]),
    "max": lambda x: x.index_select(0, x[:, :2].max(0)[1]),
    "positions": lambda x: F.embedding(torch.arange(3).unsqueeze(0), x),
    "later-positions": lambda x: x.index_select(0, torch.arange(1, 4) // 2),
    "clamped": lambda x: x.index_select(0, x[0].long().clamp(0, 3)),
    "mask": lambda x: F.embedding((x > 3).long(), x),
    "joined": lambda x: x.index_select(0, torch.cat([x.argmin(0), x.argmax(0)])),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_place_is_not_guarded(name: str) -> None:
    model = lower({"g": record(KNOWN[name], (X,))}).program.graphs["g"]
    assert "BitwiseAnd" not in _operators(model)


UNKNOWN: dict[str, Callable[[torch.Tensor], Any]] = {
    "difference": lambda x: x.index_select(0, x.argmax(0) - 1),
    "values": lambda x: x.index_select(0, x.long().sort()[0][0]),
    "clamped-above": lambda x: x.index_select(0, x[0].long().clamp(max=3)),
    "subtracted": lambda x: x.index_select(0, torch.add(x.argmax(0), x.argmin(0), alpha=-1)),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_anything_else_is(name: str) -> None:
    graph = (
        record(UNKNOWN[name], (X.abs().flip(0) % 4,)) if name == "values" else record(UNKNOWN[name], (X,))
    )
    model = lower({"g": graph}).program.graphs["g"]
    assert "BitwiseAnd" in _operators(model)


def _operators(model: onnx_ir.Model) -> set[str]:
    return {node.op_type for node in model.graph.all_nodes()}

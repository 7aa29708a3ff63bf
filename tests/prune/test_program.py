"""Dynamic programs: channels are coupled over every edge, and every path stays exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.prune.modules import Decoder, EarlyExit, SkipNet
from torch import nn

import dyncc.compiler
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.pruning.bundle import Prune
from dyncc.compiler.pruning.module import lowered
from dyncc.ir import TensorType
from dyncc.ir.verifier import verify
from dyncc.passes.prune.errors import InexactError, PruneError
from dyncc.passes.prune.importance import Importance
from dyncc.passes.prune.program import check_program, plan_program, prune_program
from dyncc.passes.prune.selection import Selection
from dyncc.runtime.replay import replay

DYNAMIC = {
    "exits": (EarlyExit, torch.zeros(1, 1, 8, 8)),
    "gates": (SkipNet, torch.zeros(1, 1, 8, 8)),
    "loop": (Decoder, torch.zeros(1, 6)),
}


@pytest.fixture(scope="module", params=DYNAMIC)
def program(request: pytest.FixtureRequest):
    torch.manual_seed(0)
    make, example = DYNAMIC[request.param]
    return request.param, lowered(make().eval(), (example,), None)


def test_program(program) -> None:
    name, low = program
    before = {weight: array.copy() for weight, array in low.weights.items()}
    result = prune_program(low.program, low.weights, Selection(ratio=0.5), Importance())
    assert result.report.error is not None and result.report.error < 1e-5
    assert result.report.after.parameters < 0.4 * result.report.before.parameters
    verify(result.program, lambda model: (len(model.graph.inputs), len(model.graph.outputs)))
    assert all(np.array_equal(low.weights[weight], array) for weight, array in before.items())
    if name == "gates":
        # one stream through all blocks, whichever of them run
        stream = next(group for group in result.report.groups if "stem.weight[0]" in group.weights)
        assert {f"blocks.{n}.two.weight[0]" for n in range(3)} <= set(stream.weights)
        assert "head.weight[1]" in stream.weights
    for block in result.program.blocks.values():
        for value in block.params:
            assert not isinstance(value.type, TensorType) or 0 not in value.type.shape


def test_a_wrong_graph_is_found(program) -> None:
    """The check compares every graph on all channels that are left."""
    _, low = program
    plan = plan_program(low.program, low.weights, Selection(ratio=0.5), Importance())
    smaller, _ = plan.pruned()
    for model in smaller.graphs.values():
        for value in model.graph.initializers.values():
            assert value.const_value is not None
            array = value.const_value.numpy()
            if array.dtype == np.float32 and array.ndim > 1:
                import onnx_ir

                value.const_value = onnx_ir.tensor(array[::-1].copy(), name=value.name)
    with pytest.raises(InexactError, match="is not the original with its channels zeroed"):
        check_program(plan, smaller)


def test_compile_pruned(tmp_path: Path) -> None:
    torch.manual_seed(0)
    calls = [(torch.randn(1, 1, 8, 8),) for _ in range(3)]
    net = dyncc.compiler.compile(
        EarlyExit().eval(), calls[0], output=tmp_path / "small.dyncc", prune=0.5, examples=calls[1:]
    )
    assert net.report.pruning is not None
    assert net.report.pruning.after.parameters < 0.36 * net.report.pruning.before.parameters
    outcomes = replay(net)
    assert len(outcomes) == 3 and all(outcome.passed for outcome in outcomes)


def test_nothing_is_written_where_it_is_refused(tmp_path: Path) -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.only = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.only(x)

    with pytest.raises(CompileError, match="nothing to prune"):
        dyncc.compiler.compile(Fixed(), (torch.zeros(1, 4),), output=tmp_path / "no.dyncc", prune=0.5)
    assert not (tmp_path / "no.dyncc").exists()
    with pytest.raises(PruneError, match=r"the ratio 1.5 is not in \[0, 1\)"):
        dyncc.compiler.compile(Fixed(), (torch.zeros(1, 4),), output=tmp_path / "no.dyncc", prune=1.5)


class Accumulating(nn.Module):
    """What is added to begins as zeros, which a graph gives as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.out = nn.Linear(8, 32), nn.Linear(32, 32), nn.Linear(32, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.one(x).relu()
        total = torch.zeros_like(h)
        if h.mean() > 0.3:
            total = total + self.two(h)
        return self.out(total + h)


@pytest.mark.parametrize("criterion", ["l1", "obspa"])
def test_constants_that_a_graph_gives(criterion: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    prune = Prune(Selection(ratio=0.5), Importance(criterion))
    net = dyncc.compiler.compile(
        Accumulating().eval(), (torch.ones(1, 8),), output=tmp_path / "n.dyncc", prune=prune
    )
    assert net.report.pruning is not None and [group.kept for group in net.report.pruning.groups] == [16]
    for x in (torch.ones(1, 8), -3 * torch.ones(1, 8), torch.randn(1, 8)):
        assert net(x).shape == (1, 4)


class Routed(nn.Module):
    """Rows go to experts by their values: to others when channels are gone."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.router, self.out = nn.Linear(8, 16), nn.Linear(16, 2), nn.Linear(16, 4)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16)) for _ in range(2)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.one(x).relu()
        best = self.router(h).argmax(-1)
        out = torch.zeros_like(h)
        for number, expert in enumerate(self.experts):
            mine = best == number
            if mine.any():
                out[mine] = expert(h[mine])
        return self.out(out)


def test_rows_that_values_choose(tmp_path: Path) -> None:
    torch.manual_seed(0)
    prune = Prune(Selection(ratio=0.5), Importance("obspa"))
    net = dyncc.compiler.compile(
        Routed().eval(), (torch.rand(6, 8),), output=tmp_path / "n.dyncc", prune=prune
    )
    assert net(torch.rand(6, 8)).shape == (6, 4)

"""Pruning that heeds which ways calls take: FLOPs, importance, refitting on the paths of the original."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.prune.modules import Decoder, EarlyExit, SkipNet
from torch import nn

import dyncc.compiler
from dyncc.compiler import prune
from dyncc.compiler.check.report import Example
from dyncc.compiler.pruning.bundle import Prune
from dyncc.compiler.pruning.module import lowered
from dyncc.passes.prune.errors import OptionError
from dyncc.passes.prune.importance import Importance
from dyncc.passes.prune.selection import Selection
from dyncc.runtime.replay import replay


class Gated(nn.Module):
    """Two layers of one shape, of which a call uses one."""

    def __init__(self) -> None:
        super().__init__()
        self.often, self.rarely = (
            nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4)) for _ in range(2)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return self.often(x)
        return self.rarely(x)


def calls(positive: int, negative: int) -> list[tuple[torch.Tensor]]:
    return [(torch.ones(1, 6),)] * positive + [(-torch.ones(1, 6),)] * negative


def test_flops_are_those_of_a_call() -> None:
    torch.manual_seed(0)
    layer = 2 * (6 * 16 + 16 * 4)
    for counts in ((3, 1), (4, 0)):
        result = prune(Gated(), calls(1, 0)[0], ratio=0.5, profile=calls(*counts))
        assert result.report.calls == 4
        assert result.report.before.flops == layer
    result = prune(Gated(), calls(1, 0)[0], ratio=0.5)
    assert result.report.calls == 0 and result.report.before.flops == 2 * layer


def test_what_no_call_uses_goes_first() -> None:
    torch.manual_seed(0)
    model = Gated()
    result = prune(model, calls(1, 0)[0], ratio=0.45, scope="global", profile=calls(4, 0))
    assert result.model.often[0].out_features == 16 and result.model.rarely[0].out_features < 3
    turned = prune(model, calls(1, 0)[0], ratio=0.45, scope="global", profile=calls(0, 4))
    assert turned.model.often[0].out_features < 3 and turned.model.rarely[0].out_features == 16
    budget = prune(model, calls(1, 0)[0], flops=0.9, scope="global", profile=calls(4, 0))
    assert budget.model.often[0].out_features == 14 and budget.model.rarely[0].out_features == 1


def test_a_compile_counts_the_profile(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = dyncc.compiler.compile(
        Gated().eval(),
        calls(1, 0)[0],
        output=tmp_path / "n.dyncc",
        prune=Prune(Selection(flops=0.5, scope="global")),
        profile=calls(1, 3),
    )
    assert net.report.pruning is not None and net.report.pruning.calls == 4
    kept = {group.weights[0]: group.kept for group in net.report.pruning.groups}
    assert kept["rarely.0.weight[0]"] > kept["often.0.weight[0]"]
    with pytest.raises(OptionError, match="an ONNX file has one path"):
        prune(next(iter(lowered(Gated().eval(), calls(1, 0)[0], None).program.graphs.values())),
              ratio=0.5, profile=calls(1, 0))  # fmt: skip


DYNAMIC = {"exits": (EarlyExit, (1, 1, 8, 8)), "gates": (SkipNet, (1, 1, 8, 8)), "loop": (Decoder, (1, 6))}


@pytest.mark.parametrize("name", DYNAMIC)
def test_a_program_is_refitted_on_its_own_paths(name: str, tmp_path: Path) -> None:
    """What refitting gains is seen where decisions do not differ: in the outputs, on the average."""
    torch.manual_seed(0)
    make, shape = DYNAMIC[name]
    model = make(24).eval()
    data = torch.randn(256, *shape[1:])
    errors: dict[str, float] = {}
    for criterion in ("l1", "obspa"):
        given = data if criterion == "obspa" else None
        net = dyncc.compiler.compile(
            model,
            (torch.randn(*shape),),
            output=tmp_path / f"{criterion}.dyncc",
            prune=Prune(Selection(ratio=0.3), Importance(criterion), None if given is None else [given]),
        )
        assert all(outcome.passed for outcome in replay(net))
        new = torch.randn(64, *shape)
        errors[criterion] = float(np.mean([float((net(x) - model(x)).square().mean()) for x in new]))
    assert errors["obspa"] < 0.7 * errors["l1"], errors


def test_a_dynamic_module_is_refitted() -> None:
    torch.manual_seed(0)
    model = Gated().eval()
    data = [torch.randn(300, 6)]
    example = (torch.ones(1, 6),)
    small = {c: prune(model, example, ratio=0.5, criterion=c, data=data).model for c in ("l1", "obspa")}
    new = torch.randn(100, 1, 6)
    errors = {c: sum(float((net(x) - model(x)).square().sum()) for x in new) for c, net in small.items()}
    assert errors["obspa"] < 0.5 * errors["l1"], errors


def test_a_lowered_program_is_refitted_on_calls() -> None:
    torch.manual_seed(0)
    low = lowered(Gated().eval(), (torch.ones(1, 6),), None)
    before = {name: array.copy() for name, array in low.weights.items()}
    data = [Example("forward", (torch.randn(1, 6),)) for _ in range(40)]
    result = prune(low, ratio=0.5, criterion="obspa", data=data)
    assert all(np.array_equal(low.weights[name], array) for name, array in before.items())
    assert result.lowered.weights["often.2.weight"].shape == (4, 8)
    with pytest.raises(dyncc.compiler.CompileError, match="needs calls of it"):
        prune(low, ratio=0.5, criterion="obspa")

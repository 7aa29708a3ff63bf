"""Sizes and numbers to check with: those that the program mentions are among them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from dyncc.compiler.check import forced
from dyncc.compiler.check.forced import check_forced
from dyncc.compiler.check.report import Example
from dyncc.compiler.check.variations import mentioned, variations
from dyncc.compiler.specialize import specialize

TABLE = torch.linspace(-1, 1, 80).view(20, 4)


class Positions(nn.Module):
    """Its parts differ from 12 steps on, and from 20 it raises."""

    def forward(self, x: torch.Tensor, turns: int) -> Any:
        h = x + TABLE[: x.shape[0]]
        if x.shape[0] > 12:
            h = h[-12:] * 2
        if turns > 30:
            h = h + 1
        return h


FREE: Any = ({0: Dim("length")}, None)
CALL = (torch.ones(5, 4), 2)


def test_the_numbers_of_a_program_are_tried() -> None:
    program = specialize(Positions().eval(), CALL, None, FREE).program
    numbers = mentioned(program)
    assert {12, 20, 30} <= set(numbers)
    method = program.methods["forward"]
    tried = variations(method, Example("forward", CALL, {}), numbers)
    assert {11, 12, 13, 19, 20, 21} <= {len(each.args[0]) for each in tried}
    assert {29, 30, 31} <= {each.args[1] for each in tried}


def test_ways_are_compared_that_other_sizes_do_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = specialize(Positions().eval(), CALL, None, FREE)

    def uncovered() -> int:
        originals = {"forward": Positions().eval().forward}
        report = check_forced(recorded.program, recorded.weights, originals, [Example("forward", CALL, {})])
        assert not report.mismatches
        return len(report.uncovered)

    found = uncovered()
    monkeypatch.setattr(forced, "mentioned", lambda program: ())
    assert found < uncovered()


class Survivors(nn.Module):
    """What it does depends on how many rows a layer's scores let through: none, one, or more."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(6, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = x[self.score(x)[:, 0] > 0.5]
        if kept.shape[0] == 0:
            return x.sum(0)
        if kept.shape[0] == 1:
            return kept.sum(0) * 2
        return kept.mean(0)


def test_data_are_sought_for_sizes_that_they_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model, call = Survivors().eval().requires_grad_(False), (torch.randn(40, 6),)
    recorded = specialize(model, call)

    def uncovered() -> int:
        report = check_forced(
            recorded.program, recorded.weights, {"forward": model.forward}, [Example("forward", call)]
        )
        assert not report.mismatches
        return len(report.uncovered)

    assert uncovered() == 0
    monkeypatch.setattr(forced, "regrouped", lambda example: [])
    assert uncovered() > 0

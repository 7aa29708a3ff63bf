"""Sizes and numbers to check with: those that the program mentions are among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim

from dyncc.compiler import compile
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


def test_every_edge_that_a_size_decides_is_compared(tmp_path: Path) -> None:
    net = compile(Positions().eval(), CALL, dynamic_shapes=FREE, output=tmp_path / "n.dyncc")
    missed = [each for each in net.report.unchecked if each.span and "x.shape[0] > 12" in str(each)]
    assert net.report.paths > 10 and not missed

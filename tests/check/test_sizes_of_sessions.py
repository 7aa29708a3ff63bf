"""Sessions whose calls have tensors of different sizes are compared, too."""

import pytest
import torch
from torch import nn

from dyncc.compiler.check.forced import check_forced
from dyncc.compiler.check.report import Example, Report
from dyncc.compiler.specialize import specialize
from dyncc.compiler.specialize.state import sizes


class Last(nn.Module):
    """The sum with the last batch, where that was as large."""

    def __init__(self) -> None:
        super().__init__()
        self.last = torch.zeros(2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x + self.last if x.shape[0] == self.last.shape[0] else x
        self.last = x.clone()
        return y


def checked() -> Report:
    args = (torch.ones(2, 3),)
    recorded = specialize(Last(), args, dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    return check_forced(recorded.program, recorded.weights, {"forward": Last()}, [Example("forward", args)])


def test_the_sizes_of_the_state_are_others_than_those_of_the_arguments() -> None:
    report = checked()
    assert not report.mismatches


def test_a_mixed_up_size_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "SESSION", ("no such point",))
    assert checked().mismatches

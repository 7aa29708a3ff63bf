"""Where something was: what made an argument fixed, and what raised first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dyncc.compiler import Limits, compile
from dyncc.compiler.diagnostics import CompileError


def _line_of(text: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip() == text)


def turns(x: torch.Tensor, k: int, free: int) -> torch.Tensor:
    table = [0.5] * k
    return x * len(table) + free


def test_an_argument_that_is_fixed_tells_which_line_needs_it(tmp_path: Path) -> None:
    net: Any = compile(turns, (torch.ones(2), 3, 4), output=tmp_path / "net.dyncc")
    (fixed,) = net.program.frozen
    assert (fixed.what, fixed.value) == ("argument `k` of `turns`", "3")
    assert fixed.span is not None and fixed.span.line == _line_of("table = [0.5] * k")


class Logged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.log: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        try:
            x = self.layer(x)
        finally:
            self.log.append(1)
        return x


def test_what_raised_is_shown_and_not_what_was_done_on_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile(Logged().eval(), (torch.ones(2, 6),), output=tmp_path / "net.dyncc")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "DY150"
    assert diagnostic.span is not None and diagnostic.span.line == _line_of("x = self.layer(x)")


class Found:
    def __init__(self, place: int, places: set[int]) -> None:
        self.place, self.places = place, places


def sorted_out(x: torch.Tensor) -> int:
    kept: list[Found] = []
    dropped: list[Found] = []
    for place in range(30):
        score = x[place % 4] * place
        (kept if score > 1 else dropped).append(Found(place, set()))
        if score > 50:
            kept.clear()
    return len(kept)


def test_what_multiplies_the_blocks_is_told() -> None:
    with pytest.raises(CompileError) as caught:
        compile(sorted_out, (torch.ones(4),), limits=Limits(seconds=60, blocks=200))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "DY106"
    assert any("`kept` 0 to" in note for note in diagnostic.notes)
    (help,) = (help for help in diagnostic.helps if help.startswith("keep values of one form in `kept`"))
    assert help.endswith("its `places` is a set")

"""What code does while it is watched: the program's effects are refused, those of others are not."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.compiler.functions import Net
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from dyncc.compiler import compile
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize

X = torch.tensor([0.5, -1.0, 2.0])


def _same(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    recorded = specialize(Net(function), (X,))
    result = Interpreter(recorded.program, recorded.weights).run("forward", X)
    torch.testing.assert_close(result, function(X))


def _imports(x: torch.Tensor) -> torch.Tensor:
    from watched_module import FACTOR  # type: ignore[import-not-found]

    return x * FACTOR


def _opens(x: torch.Tensor) -> torch.Tensor:
    with open(__file__) as file:
        return x * len(file.read(1))


def _sleeps(x: torch.Tensor) -> torch.Tensor:
    time.sleep(0)
    return x


def _chooses(x: torch.Tensor) -> torch.Tensor:
    return torch.select(x, 0, int(x.argmax()))


def test_what_a_module_does_when_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "with open(__file__) as file:\n    FACTOR = len(file.readline())\n"
    (tmp_path / "watched_module.py").write_text(lines)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        _same(_imports)
    finally:
        del sys.modules["watched_module"]


@pytest.mark.parametrize("function", [_opens, _sleeps])
def test_effects_of_the_program(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    with pytest.raises(CompileError) as refused:
        specialize(Net(function), (X,))
    assert refused.value.diagnostics[0].code == "DY121"


def test_what_pytorch_does_for_a_recorded_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that is not known goes past PyTorch's argument parser, straight to the recorder."""
    create, created = ShapeEnv.create_unbacked_symint, []

    def reading(self: ShapeEnv, *args: Any, **kwargs: Any) -> Any:
        with open(__file__) as file:
            created.append(file.read(1))
        return create(self, *args, **kwargs)

    monkeypatch.setattr(ShapeEnv, "create_unbacked_symint", reading)
    _same(_chooses)
    assert created


def _zeros(like: torch.Tensor) -> torch.Tensor:
    made = torch.FloatTensor(2).zero_()
    made += like
    return made


def _ones(like: torch.Tensor) -> torch.Tensor:
    assert isinstance(like, torch.Tensor)
    made = torch.Tensor(2).fill_(1)
    made[0] += like.sum()
    return made


def test_constructors_named_after_a_dtype_are_recorded_wherever_they_are_called(tmp_path: Path) -> None:
    def function(x: torch.Tensor) -> Any:
        found = _zeros(x)
        if x.sum() > 0:
            found = found + _zeros(x)
        return found, _ones(x)

    net = compile(function, (torch.randn(2),), output=tmp_path / "net.dyncc")
    for x in (torch.ones(2), -torch.ones(2), torch.ones(2)):
        torch.testing.assert_close(net(x), function(x))

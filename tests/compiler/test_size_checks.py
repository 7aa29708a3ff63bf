"""A size that data decide, where a call takes for granted that it is a certain one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from dyncc.compiler import compile
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize


def added(x: Any, ids: Any) -> Any:
    """Four or one: one spreads."""
    return x + torch.ones(int(ids[0]))


def joined(x: Any, ids: Any) -> Any:
    """One alone."""
    return torch.cat([x.view(1, 4), torch.ones(int(ids[0]), 4)], 1)


def changed(x: Any, ids: Any) -> Any:
    y = torch.ones(int(ids[0]))
    y.mul_(x)
    return y


def viewed(x: Any, ids: Any) -> Any:
    return torch.ones(int(ids[0])).view(2, 2) + x[0]


@pytest.mark.parametrize("function", [added, joined, changed, viewed])
def test_any_other_size_is_refused_when_it_runs(function: Any, tmp_path: Path) -> None:
    example = (torch.ones(4), torch.tensor([1 if function is joined else 4]))
    net = compile(function, example, output=tmp_path / "net.dyncc")
    recorded = specialize(function, example)
    interpreter = Interpreter(recorded.program, recorded.weights)
    for size in (1, 4, 3, 50, -2):
        given = (torch.ones(4), torch.tensor([size]))
        try:
            expected = function(*given)
        except RuntimeError:
            with pytest.raises(RuntimeError):
                net(*given)
            with pytest.raises(RuntimeError):
                interpreter.run(function.__name__, *given)
        else:
            assert torch.equal(net(*given), expected)
            assert torch.equal(interpreter.run(function.__name__, *given), expected)

"""Ways of decisions that a profile hardly takes are dropped; all else stays as it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dyncc.compiler import CompileError, compile
from dyncc.compiler.pruning.bundle import Prune
from dyncc.passes.prune.errors import OptionError
from dyncc.passes.prune.selection import Selection
from dyncc.runtime.replay import replay


class Exits(nn.Module):
    """Two exits, a gate, an assertion, a loop over data that a second condition may end."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stages = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.heads = nn.ModuleList(nn.Linear(4, 2) for _ in range(3))
        self.gated = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> Any:
        if x.abs().max() > 100:
            raise ValueError("too large")
        turns = 0
        while x.sum() < 6:
            x = x + 1
            turns += 1
            if turns == 50:
                break
        if x[0] > 0:
            x = torch.tanh(self.gated(x))
        for number, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True)):
            x = torch.relu(stage(x))
            if number == 2 or x.sum() > (0.4, 1e9)[number]:
                return head(x), number, turns
        return None


def pruned(folder: Path, calls: Sequence[tuple[torch.Tensor]], rare: float = 0.0) -> Any:
    prune = Prune(Selection(ratio=0.0), rare=rare)
    return compile(
        Exits().eval(), calls[0], output=folder / "n.dyncc", prune=prune, profile=calls, report=False
    )


def tensors(*starts: float) -> list[tuple[torch.Tensor]]:
    return [(torch.tensor([start, 0.5, -0.5, 0.25]),) for start in starts]


def test_exits_and_gates_that_nobody_takes(tmp_path: Path) -> None:
    calls = tensors(-2.5, 0.0, 1.0, 2.0, 5.0)
    model = Exits().eval()
    net = pruned(tmp_path, calls)
    report = net.report.pruning
    assert report is not None and len(report.ways) == 2  # the gate's other side, the second exit
    assert report.after.parameters <= report.before.parameters - (4 * 2 + 2)
    for call in calls:
        torch.testing.assert_close(net(*call), model(*call))
    assert all(outcome.passed for outcome in replay(net))
    # what no call of the profile did: the exception, and the end of the loop after fifty turns
    with pytest.raises(ValueError, match="too large"):
        net(torch.full((4,), 200.0))
    low = torch.full((4,), -60.0)
    assert net(low)[2] == model(low)[2] == 50


def test_rare_ways(tmp_path: Path) -> None:
    model = Exits().eval()
    *calls, other = tensors(*(1.0 + 0.2 * n for n in range(19)), 0.0)
    assert [model(*call)[1] for call in (*calls, other)] == [0] * 19 + [2]
    kept = pruned(tmp_path, [*calls, other])
    torch.testing.assert_close(kept(*other), model(*other))
    net = pruned(tmp_path, [*calls, other], rare=0.1)
    assert net(*other)[1] == 0
    for call in calls:
        torch.testing.assert_close(net(*call), model(*call))


class Chosen(nn.Module):
    """One of four layers, by number."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers[int(x[0])](x)


@pytest.mark.parametrize("numbers", [(1,), (0, 3), (0, 1, 2), (2, 3)])
def test_experts_that_nobody_asks(numbers: tuple[int, ...], tmp_path: Path) -> None:
    model = Chosen().eval()
    calls = [(torch.tensor([float(n), 0.3, 0.2, 0.1]),) for n in numbers]
    prune = Prune(Selection(ratio=0.0), rare=0.0)
    net = compile(model, calls[0], output=tmp_path / "n.dyncc", prune=prune, profile=calls, report=False)
    report = net.report.pruning
    assert report is not None
    assert report.after.parameters == 20 * len(numbers) and report.before.parameters == 80
    for call in calls:
        torch.testing.assert_close(net(*call), model(*call))


class Remembering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 4)
        self.register_buffer("seen", torch.zeros(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 10:
            self.seen.zero_()
        self.seen += x
        return self.layer(self.seen)


def test_state_goes_on(tmp_path: Path) -> None:
    calls = tensors(1.0, -1.0, 0.5)
    prune = Prune(Selection(ratio=0.0), rare=0.0)
    net = compile(
        Remembering().eval(),
        calls[0],
        output=tmp_path / "n.dyncc",
        prune=prune,
        profile=calls,
        report=False,
    )
    model = Remembering().eval()
    for call in (*calls, *calls):
        torch.testing.assert_close(net(*call), model(*call))


def test_what_is_asked_wrongly(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"not in \[0, 0.5\)"):
        Prune(Selection(ratio=0.0), rare=0.5)
    with pytest.raises(CompileError, match="which ways of decisions are rare is not known"):
        compile(
            Chosen().eval(),
            (torch.zeros(4),),
            output=tmp_path / "n.dyncc",
            prune=Prune(Selection(ratio=0.0), rare=0.0),
        )
    assert not (tmp_path / "n.dyncc").exists()

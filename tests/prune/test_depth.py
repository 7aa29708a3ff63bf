"""Residual branches are found, measured and removed; what is left is the original with them zeroed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import pytest
import torch
from tests.prune.nets import net
from torch import nn

from dyncc.compiler import compile, prune
from dyncc.compiler.pruning.bundle import Prune
from dyncc.passes.prune.check import difference, run_reference
from dyncc.passes.prune.depth import added, branches, without
from dyncc.passes.prune.errors import OptionError, PruneError
from dyncc.passes.prune.groups import is_floating, weights_of
from dyncc.passes.prune.importance import Importance
from dyncc.passes.prune.latency import Timed
from dyncc.passes.prune.model import Pruning
from dyncc.passes.prune.prepare import prepared
from dyncc.passes.prune.selection import Selection
from dyncc.runtime.replay import replay

WEIGHTS = {f"w{n}": (8, 8, 3, 3) for n in range(6)} | {"head": (4, 8, 1, 1), "stem": (8, 3, 3, 3)}
CONV = "Conv<pads = [1, 1, 1, 1]>"


def network(body: str, weights: dict[str, Any] | None = None) -> onnx_ir.Model:
    text = (
        f"(float[1, 3, 6, 6] x) => (float[1, 4, 6, 6] y) {{ v = {CONV}(x, stem) {body} y = Conv(z, head) }}"
    )
    return net(text, {**WEIGHTS, **(weights or {})})


def scaled(name: str, by: float) -> dict[str, Any]:
    return {name: by * np.random.default_rng(7).standard_normal(WEIGHTS[name])}


TWO = (
    f"a = {CONV}(v, w0) b = Relu(a) c = {CONV}(b, w1) s = Add(v, c) t = Relu(s) "
    f"d = {CONV}(t, w2) z = Add(d, t)"
)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (TWO, ["s", "z"]),
        ("a = Relu(v) z = Add(v, a)", []),  # it computes nothing
        (f"a = {CONV}(v, w0) b = {CONV}(v, w1) z = Add(a, b)", []),  # two branches, and no skip
        (f"a = {CONV}(v, w0) s = Add(v, a) z = Mul(s, a)", []),  # the branch is used elsewhere
        (f"a = {CONV}(v, w0) z = Add(a, bias)", []),
        (f"a = {CONV}(v, w0) b = {CONV}(a, w1) s = Add(v, b) t = Relu(a) z = Add(s, t)", ["s"]),
        # the outer branch has one inside
        (f"a = {CONV}(v, w0) b = {CONV}(a, w1) s = Add(b, a) c = {CONV}(s, w2) z = Add(v, c)", ["s"]),
        ("m = ReduceMean<keepdims = 1>(v) n = Conv(v, k) o = Mul(n, m) z = Add(o, v)", ["z"]),
    ],
)
def test_what_is_a_branch(body: str, names: list[str]) -> None:
    model = prepared(network(body, {"bias": (8, 1, 1), "k": (8, 8, 1, 1)}))
    assert [each.name for each in branches(model)] == names


def test_a_branch_of_another_size_stays() -> None:
    nodes = "a = MatMul(x, w) m = ReduceMean<axes = [0]>(a) y = Add(x, m)"
    text = f"(float[4, 8] x) => (float[4, 8] y) {{ {nodes} }}"
    assert not branches(prepared(net(text, {"w": (8, 8)}, opset=13)))


def test_what_a_branch_adds() -> None:
    model = prepared(network(TWO))
    feeds = {"x": np.random.default_rng(0).standard_normal((1, 3, 6, 6)).astype(np.float32)}
    found = branches(model)
    shares = added(model, found, [feeds, feeds])
    model.graph.outputs[:] = [found[0].value, found[0].sum.outputs[0]]
    branch, total = run_reference(model, feeds, 0)[0]
    assert shares[0] == pytest.approx(float((branch**2).sum() / (total**2).sum()), rel=1e-4)


@pytest.mark.parametrize("small", ["w1", "w2"])
def test_the_least_goes(small: str) -> None:
    model = network(TWO, scaled(small, 1e-3))
    before = onnx_ir.to_proto(model).SerializeToString(deterministic=True)
    result = Pruning(Selection(depth=0.5)).run(model)
    assert onnx_ir.to_proto(model).SerializeToString(deterministic=True) == before
    (gone,) = result.report.branches
    assert gone.name == {"w1": "s", "w2": "z"}[small] and gone.added < 1e-3
    assert small not in result.model.graph.initializers
    assert result.report.after.parameters < result.report.before.parameters
    assert result.report.after.flops < result.report.before.flops
    wanted, feeds = run_reference(model, None, 0)
    got, _ = run_reference(result.model, feeds, 0)
    assert 0 < difference(got[0], wanted[0]) < 0.05


def test_with_channels() -> None:
    whole = network(TWO, scaled("w2", 1e-3))
    result = Pruning(Selection(ratio=0.5, depth=0.5)).run(whole)
    assert len(result.report.branches) == 1 and result.report.error is not None
    assert result.model.graph.initializers["w0"].const_value.shape == (4, 4, 3, 3)  # type: ignore[union-attr]
    # a budget is a share of the whole network
    result = Pruning(Selection(flops=0.5, depth=0.5)).run(whole)
    assert result.report.after.flops <= 0.5 * result.report.before.flops


def test_names_that_stay() -> None:
    result = Pruning(Selection(depth=0.5, keep=("w2",))).run(network(TWO, scaled("w2", 1e-3)))
    assert [each.name for each in result.report.branches] == ["s"]
    with pytest.raises(PruneError, match="no residual branch"):
        Pruning(Selection(depth=0.5)).run(network(f"z = {CONV}(v, w0)"))


@pytest.mark.parametrize("depth", [-0.1, 1.0])
def test_depths_that_are_none(depth: float) -> None:
    with pytest.raises(OptionError, match="depth"):
        Selection(depth=depth)


def test_a_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check sees a branch of which something is still there."""
    from dyncc.passes.prune import depth

    def other(model: onnx_ir.Model, gone: Any) -> onnx_ir.Model:
        made = without(model, gone)
        made.graph.initializers["head"].const_value = onnx_ir.tensor(
            np.ones((4, 8, 1, 1), np.float32), name="head"
        )
        return made

    monkeypatch.setattr(depth, "without", other)
    with pytest.raises(PruneError, match="not the original"):
        Pruning(Selection(depth=0.5)).run(network(TWO))


class Gated(nn.Module):
    """Residual blocks, some of which a gate may skip, and an exit."""

    def __init__(self, small: int = 2) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 8)) for _ in range(4)
        )
        self.gates = nn.ModuleList(nn.Linear(8, 1) for _ in range(4))
        self.head = nn.Linear(8, 3)
        with torch.no_grad():
            for parameter in self.blocks[small][2].parameters():
                parameter.mul_(1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for number, (block, gate) in enumerate(zip(self.blocks, self.gates, strict=True)):
            if gate(x).mean() > -0.5:
                x = x + block(x)
            if number == 1 and x.norm() > 20:
                break
        return self.head(x)


@pytest.mark.parametrize("criterion", ["l1", "obspa"])
def test_a_program(tmp_path: Path, criterion: str) -> None:
    model = Gated().eval()  # which seeds what follows
    calls = [(4 * torch.randn(5, 8),) for _ in range(12)]
    by = Prune(Selection(depth=0.25), Importance(criterion), [call[0] for call in calls])
    compiled = compile(model, calls[0], output=tmp_path / "n.dyncc", prune=by, profile=calls, report=True)
    report = compiled.report.pruning
    assert report is not None and len(report.branches) == 1 and report.branches[0].added < 1e-3
    assert report.before.parameters - report.after.parameters == 8 * 6 + 6 + 6 * 8 + 8
    assert all(outcome.passed for outcome in replay(compiled))
    for call in calls:
        torch.testing.assert_close(compiled(*call), model(*call), rtol=0.05, atol=0.05)
    assert "no residual branch any more" in (tmp_path / "n.dyncc" / "report.html").read_text(
        encoding="utf-8"
    )


def test_a_refit_makes_up_for_a_branch() -> None:
    """What comes after is refitted to what the whole network gave, not to what is left of it."""
    model = network(TWO, scaled("w2", 0.2))
    data = [
        {"x": np.random.default_rng(n).standard_normal((1, 3, 6, 6)).astype(np.float32)} for n in range(64)
    ]
    errors: dict[str, float] = {}
    for criterion in ("l1", "obspa"):
        result = prune(model, depth=0.5, criterion=criterion, data=data)
        wanted, _ = run_reference(model, data[0], 0)
        errors[criterion] = difference(run_reference(result.model, data[0], 0)[0][0], wanted[0])
    assert errors["obspa"] < 0.8 * errors["l1"]


def test_modules_have_their_branches_in_code() -> None:
    with pytest.raises(OptionError, match="code of a module"):
        prune(Gated().eval(), (torch.zeros(1, 8),), depth=0.5)


@pytest.mark.parametrize("profiled", [False, True])
def test_a_programs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profiled: bool) -> None:
    """Each graph counts as often as calls run it; here its time is how many numbers its weights have."""

    def measured(whole: list[Timed], smaller: list[Timed]) -> float:
        totals = [sum(one.often * size(one) for one in side) for side in (whole, smaller)]
        assert all(one.run() > 0 for one in (*whole, *smaller))
        seen.append((len(whole), {one.often for one in whole}))
        return totals[1] / totals[0]

    def size(one: Timed) -> int:
        weights = [each for each in weights_of([one.model.graph]) if is_floating(each)]
        return sum(each.const_value.size for each in weights)  # type: ignore[union-attr]

    seen: list[tuple[int, set[float]]] = []
    monkeypatch.setattr("dyncc.passes.prune.program.relative", measured)
    torch.manual_seed(0)
    calls = [(4 * torch.randn(5, 8),) for _ in range(8)] if profiled else []
    by = Prune(Selection(latency=0.85))
    net = compile(
        Gated().eval(),
        (torch.randn(5, 8),),
        output=tmp_path / "n.dyncc",
        prune=by,
        profile=calls,
        report=False,
    )
    report = net.report.pruning
    assert report is not None and report.time is not None and 0.2 < report.time <= 0.85
    graphs, often = seen[0]
    assert (often == {1.0}) != profiled and graphs <= len(net.program.graphs)


class TwoMethods(nn.Module):
    """The same residual branches in the graphs of two methods."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.branches = nn.ModuleList(nn.Linear(8, 8) for _ in range(4))
        self.head = nn.Linear(8, 2)

    def trunk(self, x: torch.Tensor) -> torch.Tensor:
        for branch in self.branches:
            x = x + torch.tanh(branch(x))
        return self.head(x)

    def one(self, x: torch.Tensor) -> torch.Tensor:
        return self.trunk(x)

    def other(self, x: torch.Tensor) -> torch.Tensor:
        return -self.trunk(5 * x - 1)


def test_code_of_several_graphs_is_one_branch(tmp_path: Path) -> None:
    """Which adds least may differ between them: it goes from both."""
    model, call = TwoMethods().eval(), (torch.randn(3, 8, generator=torch.Generator().manual_seed(1)),)
    net = compile(
        {"one": model.one, "other": model.other},
        {"one": call, "other": call},
        output=tmp_path / "n.dyncc",
        prune=Prune(Selection(depth=0.5)),
        report=False,
    )
    report = net.report.pruning
    assert report is not None
    gone = [each.name.split(": ")[0] for each in report.branches]
    assert len(gone) == 4 and sorted(map(gone.count, set(gone))) == [2, 2]
    assert report.before.parameters - report.after.parameters == 2 * (8 * 8 + 8)

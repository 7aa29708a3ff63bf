"""What a report says of small programs whose costs and ways are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.report.nets import Exits, Halving, Router
from torch import nn

from dyncc.compiler import compile
from dyncc.compiler.report import FACTS
from dyncc.compiler.report.facts import BlockFacts, Facts, facts_data, facts_text, read_facts
from dyncc.runtime.bundle import load
from dyncc.runtime.errors import DamagedBundle
from dyncc.runtime.program import Compute


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float32)


def facts_of(
    model: nn.Module, folder: Path, profile: Sequence[Any] = (), examples: Sequence[Any] = ()
) -> Facts:
    """The facts as ``inspect`` reads them: also a test that they can be read back."""
    net = compile(
        model.eval(),
        (torch.zeros(1, 4),),
        output=folder / "net.dyncc",
        examples=examples,
        profile=profile,
    )
    found = read_facts((folder / "net.dyncc" / FACTS).read_text(), net.report.sha256)
    assert found is not None
    return found


def deciding(facts: Facts, text: str) -> BlockFacts:
    (found,) = [block for block in facts.blocks if block.decides == text and block.by]
    return found


@pytest.fixture(scope="module")
def exits(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    profile = [(row(1, 0, 0, 0),)] * 3 + [(row(-1, 1, 0, 0),)] * 2
    return facts_of(Exits(), tmp_path_factory.mktemp("exits"), profile, [(row(-1, 1, 0, 0),)])


def leaving(facts: Facts, text: str) -> int:
    return next(
        position for position, each in enumerate(facts.exits) if text in facts.block(each.block).decides
    )


def test_what_an_early_exit_costs(exits: Facts) -> None:
    """A Linear of 4 to n numbers: 4n + n weights, 2 · 4n FLOPs."""
    first, second, last = (
        exits.exits[leaving(exits, text)].cheapest
        for text in ("return self.first(x), 0", "return self.second(x), 1", "return x, 2")
    )
    assert (first.flops, second.flops, last.flops) == (2 * 4 * 8, 2 * 4 * 16, 0)
    assert (first.parameters, second.parameters, last.parameters) == (4 * 8 + 8, 4 * 16 + 16, 0)
    assert (len(first.blocks), len(second.blocks), len(last.blocks)) == (2, 3, 3)
    assert exits.whole.parameters == 40 + 80
    assert not exits.loops and all(each.bounded and each.cheapest == each.dearest for each in exits.exits)


def test_how_often_each_way_was_taken(exits: Facts) -> None:
    assert [(run.label, run.calls, run.raised, run.failed) for run in exits.runs] == [
        ("the examples", 2, 0, 0),
        ("the profile", 5, 0, 0),
    ]
    first, second = deciding(exits, "if x[0, 0] > 0"), deciding(exits, "if x[0, 1] > 0")
    assert [(way.label, way.taken) for way in first.ways] == [("true", (0, 3)), ("false", (2, 2))]
    assert [(way.label, way.taken) for way in second.ways] == [("true", (1, 2)), ("false", (1, 0))]
    assert (first.entered, second.entered) == ((2, 5), (2, 2))
    profile = exits.runs[1]
    assert (profile.blocks.least, profile.blocks.mean, profile.blocks.most) == (2, 2.4, 3)
    assert profile.flops.mean == (3 * 64 + 2 * 128) / 5


def test_the_sentence(exits: Facts) -> None:
    assert exits.summary == (
        "This network decides while it runs: at 2 places it looks at values that it has just computed "
        "(`if x[0, 0] > 0` and `if x[0, 1] > 0`); an input runs between 2 and 3 of its 5 blocks.",
        "The cheapest path costs 0 FLOPs, the dearest 128 FLOPs.",
        "The 2 calls of the examples ran 3 of 5 blocks on average, 64 FLOPs a call (0 to 128 FLOPs).",
        "The 5 calls of the profile ran 2.4 of 5 blocks on average, 90 FLOPs a call (64 to 128 FLOPs).",
    )


def test_lines_and_their_blocks(exits: Facts) -> None:
    (source,) = exits.sources
    assert source.name == "nets.py"
    lines = {line.text.strip(): set(line.blocks) for line in source.lines}
    first, second = deciding(exits, "if x[0, 0] > 0"), deciding(exits, "if x[0, 1] > 0")
    assert lines["if x[0, 0] > 0:"] == {first.number}
    assert lines["return self.second(x), 1"] == {second.ways[0].target}
    assert lines["class Halving(nn.Module):"] == set()


def test_what_was_checked_and_compiled_with(exits: Facts) -> None:
    assert exits.checks is not None and exits.checks.paths > 0 and exits.checks.ways == 4
    assert exits.checks.unchecked == ()
    assert {"torch", "onnxruntime"} <= set(exits.versions)
    assert {"merge-blocks", "drop-dead"} <= {each.name for each in exits.passes}


def test_a_loop(tmp_path: Path) -> None:
    facts = facts_of(Halving(), tmp_path, profile=[(row(8, 0, 0, 0),), (row(0.5, 0, 0, 0),)])
    (loop,) = facts.loops
    head = facts.block(loop.head)
    assert head.decides == "while x.abs().max() > 1" and head.by == "tensor"
    assert loop.cheapest.flops == loop.dearest.flops == 2 * 4 * 4
    (out,) = facts.exits
    assert (out.cheapest.flops, out.cheapest.parameters) == (0, 0), "the loop may be left at once"
    assert out.dearest.flops == 2 * 4 * 4 and out.dearest.parameters > 0, "a turn of it counts"
    backwards = [(block.number, way) for block in facts.blocks for way in block.ways if way.back]
    assert len(backwards) == 1 and sum(backwards[0][1].taken) > 0
    assert facts.runs[1].flops.most == 3 * 2 * 4 * 4, "8 is halved three times"
    assert facts.runs[1].flops.least == 0
    assert [each.bounded for each in facts.exits] == [False]
    assert "1 loop (line" in facts.summary[0]


def test_a_switch_and_an_exception(tmp_path: Path) -> None:
    nan = row(float("nan"), 0, 0, 0)
    facts = facts_of(Router(), tmp_path, profile=[(row(0, 9, 0, -1),), (row(0, 0, 9, -1),), (nan,)])
    (switch,) = [block for block in facts.blocks if block.end == "switch"]
    assert switch.by == "tensor" and switch.decides.startswith("self.experts[")
    taken = {way.label: way.taken[1] for way in switch.ways}
    assert {label: count for label, count in taken.items() if count} == {"1": 1, "2": 1}
    assert "else" in taken
    costs = {way.label: facts.block(way.target).flops for way in switch.ways}
    assert (costs["0"], costs["1"], costs["2"]) == (32, 64, 128)
    assert facts.runs[1].raised == 1 and facts.runs[1].failed == 0
    (nothing,) = [block for block in facts.blocks if block.decides.startswith("raise ValueError")]
    assert nothing.end == "raise" and nothing.entered == (0, 1)


def test_a_static_program(tmp_path: Path) -> None:
    facts = facts_of(nn.Sequential(nn.Linear(4, 2)), tmp_path)
    assert facts.summary == ("Nothing is decided while it runs: every input takes the same way.",)
    assert len(facts.blocks) == 1 and facts.whole.flops == 16


def test_facts_of_another_bundle_are_no_facts(exits: Facts) -> None:
    text = facts_text(exits)
    assert read_facts(text, exits.sha256) == exits
    assert read_facts(text, "another") is None
    assert read_facts(json.dumps({**facts_data(exits), "schema": 99}), exits.sha256) is None
    with pytest.raises(DamagedBundle, match="blocks"):
        read_facts(json.dumps({**facts_data(exits), "blocks": 3}), exits.sha256)
    with pytest.raises(DamagedBundle, match="no JSON"):
        read_facts(text[:-20], exits.sha256)


class Decorated(nn.Module):
    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        if y.sum() > 0:
            return y + 1
        return y


def test_the_users_own_file_comes_first(tmp_path: Path) -> None:
    facts = facts_of(Decorated(), tmp_path)
    # (the decorator's lines are in a file of PyTorch's, and are executed before those of the method)
    assert [source.name for source in facts.sources] == ["test_facts.py", "_contextlib.py"]
    entry = facts.blocks[0]
    assert entry.function == "Decorated.forward" and entry.place.startswith("test_facts.py:")
    net = load(tmp_path / "net.dyncc")
    assert net.manifest.sources[0].path == __file__
    step = next(step for step in net.program.blocks["forward"].steps if isinstance(step, Compute))
    assert step.span is not None and step.span.path == __file__

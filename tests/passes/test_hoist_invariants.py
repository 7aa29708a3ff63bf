"""hoist-invariants: on recorded loops, whose outcomes must stay."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from dyncc.compiler.graph import FxGraphOps
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize.attempts import specialize
from dyncc.compiler.specialize.specializer import Recorded
from dyncc.ir import Compute, Program
from dyncc.ir.verifier import verify
from dyncc.passes.hoist_invariants import HoistInvariants, loops
from dyncc.passes.pipeline import parse_pipeline, run_pipeline

OPS = FxGraphOps()
CLEAN = "drop-dead,dedupe-params,dedupe-blocks,merge-blocks,drop-dead,merge-blocks"
AFTER = "drop-dead,merge-blocks"


class Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.keys = nn.Linear(3, 3)
        self.table = nn.Embedding(4, 3)


class Attends(Base):
    """Projects the same memory in each step."""

    def forward(self, x, memory):
        while x.sum() < 9:
            x = x + torch.sigmoid(self.keys(memory)) + 1
        return x


class TwoBlocks(Base):
    """The loop has a decision in it; both sides project the memory."""

    def forward(self, x, memory):
        while x.sum() < 9:
            if x[0, 0] > 1:
                x = x + torch.sigmoid(self.keys(memory)) + 1
            else:
                x = x + torch.sigmoid(self.keys(memory * 2)) + 2
        return x


class SeveralValues(Base):
    """One graph of the loop computes two values of the same memory."""

    def forward(self, x, memory):
        while x.sum() < 9:
            x = (
                x
                + torch.sigmoid(self.keys(memory)) * torch.tanh(self.keys(x))
                + self.keys(memory * 2) ** 2
                + 1
            )
        return x


class Changes(Base):
    """What is projected changes."""

    def forward(self, x, memory):
        while x.sum() < 9:
            x = x + torch.sigmoid(self.keys(memory)) + 1
            memory = memory + 1
        return x


class MayFail(Base):
    """A look-up may fail, and the loop may run not once."""

    def forward(self, x, index):
        while x.sum() < 9:
            x = x + torch.sigmoid(self.keys(self.table(index))) + 1
        return x


class Light(Base):
    """No work worth a value."""

    def forward(self, x, memory):
        while x.sum() < 9:
            x = x + memory.abs() + 1
        return x


class InPlace(Base):
    def forward(self, x, memory):
        while x.sum() < 9:
            y = self.keys(memory)
            y += x
            x = x + torch.sigmoid(y) + 1
        return x


X, MEMORY = torch.zeros(1, 3), torch.ones(1, 3)


def clean(recorded: Recorded) -> Program[Any]:
    return run_pipeline(recorded.program, parse_pipeline(CLEAN), OPS).program


def outcome(recorded: Recorded, program: Program[Any], *args: torch.Tensor) -> torch.Tensor:
    return Interpreter(program, recorded.weights, step_limit=10_000).run("forward", *copy.deepcopy(args))


@pytest.mark.parametrize("cls", [Attends, TwoBlocks, SeveralValues])
def test_fires(cls: type[nn.Module]) -> None:
    recorded = specialize(cls(), (X, MEMORY))
    program = clean(recorded)
    result = HoistInvariants().run(program, OPS)
    assert result.modified and "computed before it" in result.notes[0]
    verify(result.program, OPS.signature)
    after = run_pipeline(result.program, parse_pipeline(AFTER), OPS, verify_each=True).program
    assert len(after.blocks) <= len(program.blocks) + 1
    for start in (0.0, 1.0, 5.0, 100.0):
        expected = outcome(recorded, program, X + start, MEMORY)
        assert torch.equal(outcome(recorded, result.program, X + start, MEMORY), expected)
        assert torch.equal(outcome(recorded, after, X + start, MEMORY), expected)
    assert not HoistInvariants().run(after, OPS).modified


def test_the_loop_projects_no_more() -> None:
    recorded = specialize(Attends(), (X, MEMORY))
    result = run_pipeline(
        clean(recorded), [HoistInvariants(), *parse_pipeline(AFTER)], OPS, verify_each=True
    ).program
    looping = {name for _, members in loops(result) for name in members}
    steps = [step for name in looping for step in result.blocks[name].steps]
    graphs = [result.graphs[step.graph] for step in steps if isinstance(step, Compute)]
    assert graphs
    assert not any("linear" in str(node.target) for graph in graphs for node in graph.nodes)


@pytest.mark.parametrize("cls", [Changes, Light, InPlace])
def test_refuses(cls: type[nn.Module]) -> None:
    recorded = specialize(cls(), (X, MEMORY))
    assert not HoistInvariants().run(clean(recorded), OPS).modified


def test_what_may_fail_stays_where_it_is() -> None:
    recorded = specialize(MayFail(), (X, torch.tensor([1])))
    assert not HoistInvariants().run(clean(recorded), OPS).modified

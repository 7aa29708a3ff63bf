"""What is said of the edges that no compared call took."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from dyncc.compiler.check import unchecked as words
from dyncc.compiler.check.forced import Budget, check_forced
from dyncc.compiler.check.report import Example
from dyncc.compiler.check.unchecked import unchecked_edges
from dyncc.compiler.specialize import Method, specialize_methods
from dyncc.runtime.manifest import UncheckedEdge
from dyncc.runtime.program import HostOp


class Thresholds(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = x.sum().item()
        if total > 0:
            if total < -5:  # never
                if total < -50:
                    return x - 3
                return x - 1
            x = x * 2
        return x


class Sizes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] > 4000:
            return x.mean(0)
        return x


class Parts(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        out: list[torch.Tensor] = []
        for row in x:
            out.append(row * row.sum().item())
        if not out:
            return y
        if y.shape[0] > 4000 and not (y.shape[0] > 5000):
            return y * 2
        return out[0]


def unchecked(model: nn.Module, budget: Budget | None = None, **options: Any) -> list[UncheckedEdge]:
    args = options.get("args", (torch.ones(2, 3),))
    method = Method("forward", model.forward, args, {}, options.get("shapes"))
    recorded = specialize_methods([method], "Net")
    report = check_forced(
        recorded.program, recorded.weights, {"forward": model}, [Example("forward", args)], budget
    )
    inside = options.get("inside", recorded.inside)
    return list(unchecked_edges(recorded.program, report, inside))


def line(edge: UncheckedEdge, model: nn.Module) -> int:
    assert edge.span is not None
    return edge.span.line - model.forward.__code__.co_firstlineno


def test_a_way_that_no_value_leads_to_and_what_is_beyond_it() -> None:
    model = Thresholds()
    edges = unchecked(model)
    assert [(line(edge, model), edge.why) for edge in edges] == [
        (3, words.ANSWERS),
        (4, words.BEYOND),
        (4, words.BEYOND),
    ]
    first = model.forward.__code__.co_firstlineno
    assert [edge.way for edge in edges] == [
        f"when it is true, to line {first + 4}",
        f"when it is true, to line {first + 5}",
        f"when it is false, to line {first + 6}",
    ]


def test_a_decision_on_the_arguments_alone() -> None:
    (edge,) = unchecked(Sizes(), shapes={"x": {0: torch.export.Dim("n")}})
    assert edge.why == words.UNREAD


def test_a_part_of_a_condition_is_named() -> None:
    model = Parts()
    m, n = torch.export.Dim("m"), torch.export.Dim("n")
    args = (torch.ones(2, 3), torch.ones(2, 3))
    edges = unchecked(model, args=args, shapes={"x": {0: m}, "y": {0: n}})
    first = model.forward.__code__.co_firstlineno
    assert {(line(edge, model), edge.way, edge.why) for edge in edges} == {
        (4, f"when `out` is false, to line {first + 5}", words.LENGTH),
        (6, f"when `y.shape[0] > 4000` is true, to line {first + 6}", words.UNREAD),
        (6, f"when `y.shape[0] > 5000` is true, to line {first + 8}", words.BEYOND),
        (6, f"when `y.shape[0] > 5000` is false, to line {first + 7}", words.BEYOND),
    }


def test_the_time_was_over() -> None:
    edges = unchecked(Thresholds(), Budget(cases=1))
    assert {edge.why for edge in edges} == {words.STOPPED, words.BEYOND}


def test_a_read_that_cannot_be_scripted() -> None:
    """As if the value went on inside a graph."""
    model = Thresholds()
    method = Method("forward", model.forward, (torch.ones(2, 3),), {}, None)
    steps = [
        step
        for block in specialize_methods([method], "Net").program.blocks.values()
        for step in block.steps
        if isinstance(step, HostOp) and step.op == "item" and step.span is not None
    ]
    assert steps
    edges = unchecked(model, inside=frozenset(step.span for step in steps if step.span))
    assert [edge.why for edge in edges] == [words.INSIDE, words.BEYOND, words.BEYOND]


def test_what_is_compared_is_not_listed() -> None:
    assert unchecked(nn.Linear(3, 2)) == []

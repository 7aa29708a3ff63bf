"""Lists that grow together are equally long: what is made of them fits without a question."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from dyncc.compiler.check.compare import REFERENCE, compare_outcomes, outcome
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize


def decoded(x: Any) -> Any:
    """The likelihood of what was chosen, of a decoder that keeps both in lists."""
    scores, chosen = [], []
    while x.sum() < 3:
        score = torch.log_softmax(x, -1)
        pick = score.argmax(-1)
        scores.append(score)
        chosen.append(pick)
        x = x + 0.4 - score * 0.1
    scores, chosen = torch.stack(scores, 1), torch.stack(chosen, 1)
    return scores.gather(2, chosen.unsqueeze(-1)).squeeze(-1).sum(1), chosen


def in_three_lists(x: Any) -> Any:
    """Appended on both sides of a decision, one of them as numbers."""
    rows, picks, weights = [], [], []
    while x.sum() < 3:
        rows.append(x)
        if x[0, 0] > 0.3:
            picks.append(x.argmax(-1) % 2)
            weights.append(float(x.mean()))
        else:
            weights.append(1.0)
            picks.append(x.argmin(-1))
        x = x + 0.4
    rows, picks = torch.stack(rows, 1), torch.stack(picks, 1)
    return rows.gather(2, picks.unsqueeze(-1)).squeeze(-1) * torch.tensor(weights)


def one_longer(x: Any) -> Any:
    """The first list has one more: gathered by the shorter one."""
    rows, picks = [x], []
    while x.sum() < 3:
        x = x + 0.4
        rows.append(x)
        picks.append(x.argmax(-1))
    if not picks:
        return rows[0]
    rows, picks = torch.stack(rows, 1)[:, 1:], torch.stack(picks, 1)
    return rows + picks.unsqueeze(-1)


def not_together(x: Any) -> Any:
    """The second grows by some turns only: adding them raises, or not."""
    rows, picks = [], []
    while x.sum() < 3:
        rows.append(x)
        if x[0, 1] < 0.5:
            picks.append(x * 0.5)
        x = x + 0.4
    return torch.stack(rows, 1) + torch.stack(picks, 1)


def apart_at_the_end(x: Any) -> Any:
    """As long as one another in the loop, then one loses its last."""
    rows, picks = [], []
    while x.sum() < 3:
        rows.append(x)
        picks.append(x.argmax(-1))
        x = x + 0.4
    if x[0, 0] > 1.0:
        picks.pop()
    return torch.stack(rows, 1).sum(1), torch.stack(picks, 1)


def gathered_apart(x: Any) -> Any:
    """Some turns only: whether the index is no longer than the other cannot be said."""
    rows, picks = [], []
    while x.sum() < 3:
        rows.append(x)
        if x[0, 1] < 0.5:
            picks.append(x.argmax(-1))
        x = x + 0.4
    rows, picks = torch.stack(rows, 1), torch.stack(picks, 1)
    return rows.gather(2, picks.unsqueeze(-1))


def starts() -> list[torch.Tensor]:
    drawn = torch.Generator().manual_seed(0)
    return [torch.rand(2, 2, generator=drawn) * 2 - 1 - shift * 0.3 for shift in range(-4, 6)]


@pytest.mark.parametrize("function", [decoded, in_three_lists, one_longer, not_together, apart_at_the_end])
def test_it_is_as_eager(function: Callable[..., Any]) -> None:
    recorded = specialize(function, (torch.full((2, 2), 0.1),))
    assert len(recorded.program.blocks) < 40
    interpreter = Interpreter(recorded.program, recorded.weights, step_limit=2000)
    for x in starts():
        expected = outcome(function, (x.clone(),), {})
        actual = outcome(functools.partial(interpreter.run, function.__name__), (x.clone(),), {})
        if expected.error is not None and actual.error is not None:
            assert type(expected.error) is type(actual.error)
            continue
        assert not compare_outcomes(expected, actual, REFERENCE).differences, x


def test_lists_that_are_not_are_refused_where_it_matters() -> None:
    with pytest.raises(CompileError) as caught:
        specialize(gathered_apart, (torch.full((2, 2), 0.1),))
    assert [problem.code for problem in caught.value.diagnostics] == ["DY131"]

"""Memory, lists and sizes that the compiler cannot see through: as eager, or refused, never otherwise."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from dyncc.compiler.check.compare import REFERENCE, compare_outcomes, outcome
from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import attempts, specialize


def element_changed(x: Any) -> Any:
    h = x * 1
    hs = [h]
    if x.sum() > 0:
        hs.append(h * 3)
    h.add_(1)
    if h.sum() > 100:
        return h, h
    return torch.stack(hs), h


def argument_under_another_name(x: Any) -> Any:
    h = x if x.sum() > 0 else x * 2
    h.add_(1)
    return h * 2


def number_in_a_partial(x: Any) -> Any:
    n = 1
    if x.sum() > 0:
        n = 2
    f = functools.partial(torch.mul, other=n)
    if x[0] > 1:
        return f(x)
    return f(x) + 1


def number_in_a_default(x: Any) -> Any:
    n = 1.0
    if x.sum() > 0:
        n = 2.0

    def scale(t: Any, by: float = n) -> Any:
        return t * by

    if x[0] > 1:
        return scale(x)
    return scale(x) + 1


def padded(x: Any) -> Any:
    y = x[x > 0]
    if x.sum() > 0:
        y = y * 2
    return torch.nn.functional.pad(y, (0, 3)).shape[0]


def empty_list(x: Any) -> Any:
    steps: list[int] = []
    while x.sum() < 8:
        x = x * 2
        steps.append(int(x.sum().item()))
        if len(steps) > 6:
            break
    return torch.tensor(steps)


def parts_counted(x: Any) -> Any:
    y = x[x > 0]
    if x.sum() > 0:
        y = y * 2
    return len(y.split(2))


def stored_list_changed(x: Any) -> Any:
    out: list[Any] = []
    cur = [0]
    while x.sum() < 20:
        out.append((cur, x))
        if x[0] > 2:
            cur.append(1)
        x = x * 2
    return [len(c) for c, _ in out], x


def fetched_list_changed(x: Any) -> Any:
    out: list[Any] = []
    while x.sum() < 20:
        out.append(([1], x.sum().item()))
        if x[0] > 2:
            out[-1][0].append(7)
        x = x * 2
    return len(out), sum(len(c) for c, _ in out)


def stored_tensor_changed(x: Any) -> Any:
    out: list[Any] = []
    while x.sum() < 20:
        y = x * 1
        out.append((y, 1))
        if x[0] > 2:
            y.add_(1)
        x = x * 2
    total = torch.zeros(3)
    for y, k in out:
        total = total + y * k
    return total


def tuple_of_unknown_length(x: Any) -> Any:
    out = []
    while x.sum() < 20:
        out.append(x)
        x = x * 2
    return x, tuple(out)


def cut_again_and_again(x: Any) -> Any:
    """A view of a view, and so on: the loop is one all the same."""
    kept = x.clone()
    rest = kept
    while x.sum() > 0:
        rest = rest.view(3, 1) if rest.dim() == 1 else rest.view(3)
        x = x - 0.25
    return rest, kept


def cut_and_changed(x: Any) -> Any:
    kept = x.clone()
    rest = kept
    while x.sum() > 0:
        rest = rest.view(3, 1) if rest.dim() == 1 else rest.view(3)
        x = x - 0.25
        rest += 1
    return rest, kept


INPUTS = [torch.full((3,), value) for value in (1.0, 0.2, 2.0, 9.0)] + [torch.tensor([1.0, -2.0, 3.0])]


@pytest.mark.parametrize(
    "function",
    [
        element_changed, argument_under_another_name, number_in_a_partial, number_in_a_default, padded,
        empty_list, cut_again_and_again,
    ],
)  # fmt: skip
def test_it_is_as_eager(function: Callable[..., Any]) -> None:
    recorded = specialize(function, (torch.ones(3),))
    interpreter = Interpreter(recorded.program, recorded.weights, step_limit=2000)
    for value in INPUTS:
        given, same = value.clone(), value.clone()
        expected = outcome(function, (given,), {})
        actual = outcome(functools.partial(interpreter.run, function.__name__), (same,), {})
        assert not compare_outcomes(expected, actual, REFERENCE).differences


@pytest.mark.parametrize(
    ("function", "code"),
    [
        (parts_counted, "DY131"),
        (stored_list_changed, "DY112"),
        (fetched_list_changed, "DY112"),
        (stored_tensor_changed, "DY112"),
        (cut_and_changed, "DY112"),
        (tuple_of_unknown_length, "DY110"),
    ],
)
def test_it_is_refused(function: Callable[..., Any], code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    few = functools.partial(attempts.Limits, blocks=150)  # a loop that unrolls without end, ended sooner
    monkeypatch.setattr(attempts, "Limits", few)
    with pytest.raises(CompileError) as raised:
        specialize(function, (torch.ones(3),))
    assert [diagnostic.code for diagnostic in raised.value.diagnostics] == [code]


class ViewOfBuffer(torch.nn.Module):
    """A name stands for a view of a buffer or for memory of its own, by a condition; then it changes."""

    def __init__(self, view: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.register_buffer("bias", torch.linspace(-0.5, 0.6, 6))
        self.view = view

    def forward(self, x: Any) -> Any:
        part = self.view(x * 1, x)
        if x.max() > 1:
            part = self.view(self.bias, x)
        part *= 0.3
        return self.bias * 1, part


@pytest.mark.parametrize(
    ("view", "refused"),
    [
        (lambda t, x: t[0], False),
        (lambda t, x: t.view(2, 3)[1][:2], False),
        (lambda t, x: t.unbind()[2], False),
        (lambda t, x: t.detach(), False),
        (lambda t, x: t.reshape(3, 2).t(), False),
        (lambda t, x: t[int(x.argmax())], True),
        (lambda t, x: t[int(x.argmax()) :], True),
    ],
)
@torch.no_grad()
def test_a_view_of_a_buffer_is_changed(view: Callable[[Any, Any], Any], refused: bool) -> None:
    given = torch.tensor([0.1, 0.5, 0.2, 0.1, 0.0, 0.3])
    if refused:
        with pytest.raises(CompileError) as caught:
            specialize(ViewOfBuffer(view), (given,))
        assert caught.value.diagnostics[0].code == "DY112"
        return
    recorded = specialize(ViewOfBuffer(view), (given,))
    interpreter = Interpreter(recorded.program, recorded.weights)
    eager = ViewOfBuffer(view)
    for x in (given, given * 4, given, given * 9):
        expected = outcome(eager, (x.clone(),), {})
        actual = outcome(functools.partial(interpreter.run, "forward"), (x.clone(),), {})
        assert not compare_outcomes(expected, actual, REFERENCE).differences


class GrowingConstants(torch.nn.Module):
    """The values are known at compile time, how many there are is not: in a loop, and over calls."""

    trace: Any

    def __init__(self) -> None:
        super().__init__()
        self.trace = torch.zeros(2)

    def forward(self, x: Any) -> Any:
        if x.sum() > 0:
            self.trace = torch.cat([torch.ones(1), self.trace * 0.5])
        steps = torch.zeros(2)
        while x.sum() > 0:
            steps = torch.cat([steps * 0.5, torch.ones(1)])
            x = x - 1
        return steps, self.trace


def test_constants_grow_with_the_data() -> None:
    recorded = specialize(GrowingConstants().eval(), (torch.ones(3),))
    assert len(recorded.program.blocks) < 30
    interpreter, model = Interpreter(recorded.program, recorded.weights), GrowingConstants().eval()
    for scale in (0.0, 4.0, -1.0, 1.0, 2.0):
        x = torch.full((3,), scale)
        expected = outcome(model, (x,), {})
        actual = outcome(functools.partial(interpreter.run, "forward"), (x,), {})
        assert not compare_outcomes(expected, actual, REFERENCE).differences

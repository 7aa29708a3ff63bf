"""The reference interpreter on programs written by hand."""

from __future__ import annotations

import pytest
import torch
from tests.check.programs import Counting, Halving, counting, halving

from dyncc.compiler.calling import ArgumentError
from dyncc.compiler.reference import Interpreter, Observer, StepLimitExceeded
from dyncc.runtime.program import HostOp


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0, 100.0])
def test_a_loop_gives_what_eager_gives(scale: float) -> None:
    x = torch.tensor([0.5, 0.25, 1.0, 0.75]) * scale
    expected, actual = Halving()(x), Interpreter(halving(), {}).run("forward", x)
    assert actual["n"] == expected["n"]
    assert torch.equal(actual["x"], expected["x"])
    assert list(actual) == ["x", "n"]


def test_state_writes_and_exceptions() -> None:
    model, interpreter = Counting(), Interpreter(*counting())
    for values in ([1.0, 2.0, 3.0, 4.0], [-1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.5]):
        x, y = torch.tensor(values), torch.tensor(values)
        if min(values) < 0:
            with pytest.raises(ValueError, match="negative in call 2"):
                interpreter.run("forward", x)
            with pytest.raises(ValueError, match="negative in call 2"):
                model(y)
            continue
        (total, count), (expected_total, expected_count) = interpreter.run("forward", x, 3), model(y, 3)
        assert torch.equal(x, y)
        assert torch.equal(total, expected_total)
        assert count == expected_count
    interpreter.reset()
    assert interpreter.run("forward", torch.ones(4))[1] == 1


def test_a_result_does_not_change_when_an_argument_is_written() -> None:
    program, weights = counting()
    interpreter = Interpreter(program, weights)
    first, _ = interpreter.run("forward", torch.ones(4))
    kept = first.clone()
    interpreter.run("forward", torch.ones(4))
    assert torch.equal(first, kept)
    assert torch.equal(weights["total"], torch.zeros(4))


def test_reads_can_be_scripted_and_blocks_are_counted() -> None:
    class Never(Observer):
        def read(self, step: HostOp, value: bool | int | float) -> bool | int | float:
            return False

    class Always(Observer):
        def read(self, step: HostOp, value: bool | int | float) -> bool | int | float:
            return True

    x = torch.full((4,), 10.0)
    assert Interpreter(halving(), {}, observer=Never()).run("forward", x)["n"] == 0
    assert Interpreter(halving(), {}, observer=Always()).run("forward", x * 0)["n"] == 5
    with pytest.raises(StepLimitExceeded, match="3 blocks"):
        Interpreter(halving(), {}, step_limit=3).run("forward", x)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "missing argument 'x'"),
        ((torch.ones(5),), {}, "must be 4, not 5"),
        ((torch.ones(4, dtype=torch.float64),), {}, "must be float32, not float64"),
        ((torch.ones(1, 4),), {}, "must have 1 dimensions"),
        ((torch.ones(4), 1.5), {}, "must be int, not float"),
        ((torch.ones(4), 1, 2), {}, "1 positional arguments less"),
        ((torch.ones(4),), {"z": 1}, "no argument 'z'"),
        ((torch.ones(4),), {"x": torch.ones(4)}, "multiple values"),
    ],
)
def test_arguments_that_do_not_fit(
    args: tuple[object, ...], kwargs: dict[str, object], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        Interpreter(*counting()).run("forward", *args, **kwargs)

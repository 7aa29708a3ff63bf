"""Forced paths: right programs pass with every edge covered, wrong ones are found out."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.check.programs import Counting, Halving, counting, halving
from torch import nn

from dyncc.compiler import compile
from dyncc.compiler.check.forced import Budget, check_forced
from dyncc.compiler.check.isolation import Isolation
from dyncc.compiler.check.reads import EagerReads
from dyncc.compiler.check.report import Example, Report
from dyncc.compiler.markers import without_markers
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize

SMALL = torch.full((4,), 0.1)


def check(program: Any, weights: Any, model: nn.Module, *calls: tuple[Any, ...]) -> Report:
    examples = [Example("forward", call) for call in calls]
    return check_forced(program, weights, {"forward": model}, examples, Budget(cases=60))


def test_every_edge_is_covered_from_one_example() -> None:
    report = check(halving(), {}, Halving(), (SMALL,))
    assert report.mismatches == []
    assert report.uncovered == []
    assert report.largest_error == 0.0
    assert set(report.harvest) == {"test", "halve"}


def test_without_patience_only_the_values_of_examples_are_varied() -> None:
    budget = Budget(patience=0)
    examples = [Example("forward", (SMALL,))]
    report = check_forced(halving(), {}, {"forward": Halving()}, examples, budget)
    assert report.mismatches == []
    assert report.uncovered
    assert report.cases == 4


@pytest.mark.parametrize("wrong", [{"limit": 4}, {"factor": 0.25}, {"compare": "le"}])
def test_a_wrong_loop_is_found_without_an_input_that_enters_it(wrong: dict[str, Any]) -> None:
    report = check(halving(**wrong), {}, Halving(), (SMALL,))
    assert report.mismatches
    diagnostic = report.mismatches[0].diagnostic()
    assert diagnostic.code == "DY301"
    assert diagnostic.span is not None
    assert diagnostic.span.path.endswith("programs.py")


def test_state_writes_and_exceptions_are_compared() -> None:
    model = Counting()
    report = check(*counting(), model, (torch.ones(4),))
    assert report.mismatches == []
    assert report.uncovered == []
    assert model.count == 0
    assert torch.equal(model.total, torch.zeros(4))


@pytest.mark.parametrize("wrong", [{"state_after_raise": False}, {"write": False}, {"message": "call "}])
def test_wrong_state_writes_and_messages_are_found(wrong: dict[str, Any]) -> None:
    report = check(*counting(**wrong), Counting(), (torch.ones(4),))
    assert report.mismatches


class Stacking(nn.Module):
    """Writes to its argument, then fails in an operation where nothing was gathered."""

    def forward(self, x: Any) -> Any:
        gathered = []
        x[0] = 1.0
        if x.sum() > 0:
            gathered.append(x)
        return torch.stack(gathered).sum(0)


def test_what_an_operation_that_fails_leaves_unwritten_is_no_difference() -> None:
    recorded = specialize(Stacking(), (torch.ones(4),))
    calls = [(torch.ones(4),), (torch.full((4,), -3.0),)]
    report = check(recorded.program, recorded.weights, Stacking(), *calls)
    assert report.mismatches == []
    interpreter, given = Interpreter(recorded.program, recorded.weights), torch.full((4,), -3.0)
    with pytest.raises(RuntimeError, match="non-empty"):
        interpreter.run("forward", given)
    assert torch.equal(given, torch.full((4,), -3.0))


def test_a_decision_that_the_program_lacks_is_found_by_other_values() -> None:
    class Doubling(Halving):
        def forward(self, x: torch.Tensor) -> dict[str, Any]:
            return super().forward(x * 2 if x.max().item() > 0.2 else x)

    report = check(halving(), {}, Doubling(), (SMALL,))
    assert report.mismatches
    assert report.folded > 0


def test_a_decision_that_the_original_lacks_is_found() -> None:
    class Deaf(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, Any]:
            return {"x": x, "n": 0}

    report = check(halving(), {}, Deaf(), (SMALL,))
    assert "the original does not" in report.mismatches[0].text


def test_a_near_tie_is_not_a_fault() -> None:
    class Rounded(Halving):
        def forward(self, x: torch.Tensor) -> dict[str, Any]:
            return super().forward(x * (1 - 3e-7))

    # The sum is the threshold but for a rounding: the two sides read different truths.
    report = check(halving(), {}, Rounded(), (torch.full((4,), 0.25) * (1 + 1.5e-7),))
    assert report.mismatches == []
    assert report.near_ties


def test_reads_are_logged_in_order_and_answered() -> None:
    f, i = torch.tensor(0.5), torch.tensor(3)
    with EagerReads(lambda value, place: 7 if len(reads.log) == 1 else value) as reads:
        assert bool(f)
        assert int(i) == 7
        assert [1, 2, 3, 4][i] == 4
        assert torch.arange(3.0).tolist() == [0.0, 1.0, 2.0]
        assert torch.equal(i, i)
        assert f"{f:.1f}" == "0.5"
        with pytest.raises(RuntimeError, match="ambiguous"):
            bool(torch.ones(2))
    assert [read.value for read in reads.log] == [0.5, 3, 3, 0.0, 1.0, 2.0, True, 0.5]
    assert {read.place.line[0] for read in reads.log} == {__file__}
    assert torch.Tensor.item is torch._C.TensorBase.item
    assert int(i) == 3


def test_isolation_restores_what_a_call_changes() -> None:
    class Messy(nn.Module):
        calls = 0

        def __init__(self) -> None:
            super().__init__()
            self.log: list[int] = [1]
            self.table = {"a": torch.zeros(2)}
            self.seen = nn.Buffer(torch.zeros(2))
            self.hidden = None

        def forward(self) -> None:
            type(self).calls += 1
            self.log.append(2)
            self.table["a"].add_(1)
            self.table["b"] = torch.ones(1)
            self.seen.add_(torch.rand(2))
            self.hidden = self.seen + 1
            self.extra = 1

    model = Messy()
    names, drawn = set(vars(model)), torch.get_rng_state()
    isolation = Isolation([model.forward])
    model()
    isolation.restore()
    assert (model.log, Messy.calls, model.hidden) == ([1], 0, None)
    assert list(model.table) == ["a"]
    assert torch.equal(model.table["a"], torch.zeros(2))
    assert torch.equal(model.seen, torch.zeros(2))
    assert set(vars(model)) == names
    assert torch.equal(torch.get_rng_state(), drawn)


class Cautious(dict[str, int]):
    """A user's mapping whose ways in do more than to put things there."""

    def update(self, *args: Any, **more: Any) -> None:
        raise AssertionError("not by its own methods")

    clear = __setitem__ = items = update


class Bounded(list[int]):
    def __init__(self, *items: int) -> None:
        super().__init__(items)
        self.dropped = 0

    def extend(self, items: Any) -> None:
        raise AssertionError("not by its own methods")


def test_isolation_restores_containers_of_every_class() -> None:
    class Keeper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.counts = Counter(a=2, b=1)
            self.order = OrderedDict(one=1, two=2)
            self.latest = deque([1, 2], maxlen=2)
            self.cautious = Cautious(a=1)
            self.bounded = Bounded(1, 2)
            self.names = {"a"}

        def forward(self) -> None:
            self.counts["a"] += 3
            self.counts["c"] = 1
            self.order.move_to_end("one")
            self.latest.append(3)
            dict.__setitem__(self.cautious, "b", 2)
            self.bounded.append(4)
            self.bounded.dropped += 1
            self.names.add("b")

    model = Keeper()
    isolation = Isolation([model.forward])
    for _ in range(3):
        model()
        isolation.restore()
    assert model.counts == Counter(a=2, b=1) and type(model.counts) is Counter
    assert list(model.order) == ["one", "two"]
    assert model.latest == deque([1, 2]) and model.latest.maxlen == 2
    assert dict(dict.items(model.cautious)) == {"a": 1}
    assert (list(model.bounded), model.bounded.dropped) == ([1, 2], 0)
    assert model.names == {"a"}


def test_a_model_with_a_counter_is_compiled_and_left_as_it_was(tmp_path: Path) -> None:
    class Votes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.votes = Counter(a=0, b=0)

        def forward(self, x: torch.Tensor) -> Any:
            self.votes["a" if x.sum() > 0 else "b"] += 1
            return self.votes["a"] - self.votes["b"], sum(self.votes.values())

    model = Votes()
    net = compile(model, (torch.ones(2),), output=tmp_path / "n.dyncc")
    assert model.votes == Counter(a=0, b=0)
    for sign in (1, -1, 1, 1):
        assert net(torch.full((2,), float(sign))) == model(torch.full((2,), float(sign)))


class Settling(nn.Module):
    """A loop whose first turn is decided by weights alone, so that the program does not read it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weight = nn.Parameter(torch.randn(4, 4) * 0.5)
        self.register_buffer("bias", torch.linspace(-0.5, 0.6, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.bias * 0.1
        n = 0
        while n < 4 and -0.5617 < torch.norm(h) < 0.2633:
            n += 1
            h = torch.tanh(x @ self.weight)
        if float(h[: 1 + n % 3].sum() * 0.4) > -0.5375:
            return x
        return h * 2


def test_reads_that_the_program_was_compiled_with_are_passed_over(tmp_path: Path) -> None:
    net = compile(Settling().eval(), (torch.full((4,), 0.02),), output=tmp_path / "n.dyncc")
    for scale in (0.02, -0.3, 3.0, -3.0):
        x = torch.tensor([1.0, -0.5, 0.25, 2.0]) * scale
        torch.testing.assert_close(net(x), Settling().eval()(x))


class Guarded(nn.Module):
    """Each turn reads three numbers by one expression, of which two are known while compiling."""

    def __init__(self, rate: float = 0.9) -> None:
        super().__init__()
        self.register_buffer("bias", torch.linspace(-0.1, 0.6, 4))
        self.rate = rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(5):
            if not all(each.mean() > -0.3 for each in (self.bias, x, self.bias + 0.1)):
                break
            x = x * self.rate + self.bias
        return x


def test_known_reads_without_marks_are_told_apart_by_the_program_before_the_passes() -> None:
    model, examples = Guarded().eval(), [Example("forward", (SMALL,))]
    recorded = specialize(model, (SMALL,))
    bare = without_markers(recorded.program)
    of_eager = {"forward": model}
    assert check_forced(recorded.program, recorded.weights, of_eager, examples).mismatches == []
    assert check_forced(bare, recorded.weights, of_eager, examples).mismatches
    after = check_forced(bare, recorded.weights, of_eager, examples, recorded=recorded.program)
    assert after.mismatches == []
    assert after.uncovered == []
    wrong = specialize(Guarded(0.8).eval(), (SMALL,))
    report = check_forced(
        without_markers(wrong.program), wrong.weights, of_eager, examples, recorded=recorded.program
    )
    assert report.mismatches

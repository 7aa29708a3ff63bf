"""The checks on blocks and on whole bundles, with engines that are right and wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from tests.check.programs import Counting, Halving, counting, halving

from dyncc.compiler.check.blocks import check_blocks, random_inputs, to_numpy
from dyncc.compiler.check.examples import check_examples
from dyncc.compiler.check.report import Example
from dyncc.compiler.graph import run_graph
from dyncc.compiler.reference import Interpreter
from dyncc.runtime.noise import Noise
from dyncc.runtime.program import ScalarType, TensorType

HARVEST = {"test": [(torch.full((4,), 0.3),)], "halve": [(torch.ones(4),), (torch.full((4,), -2.0),)]}


def engine(change: Callable[[str, list[Any]], list[Any]] = lambda name, outputs: outputs) -> Any:
    """Runs the graphs of :func:`halving` in torch, then spoils the outputs."""
    graphs = halving().graphs

    def run(name: str, inputs: Sequence[np.ndarray[Any, Any]]) -> list[Any]:
        tensors = [torch.from_numpy(array) for array in inputs]
        return change(name, [to_numpy(output) for output in run_graph(graphs[name], tensors, {})])

    return run


def test_a_right_engine_passes() -> None:
    report = check_blocks(halving(), {}, HARVEST, engine())
    assert (report.mismatches, report.near_ties, report.cases) == ([], [], 3)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda name, outputs: [o + 0.01 if name == "halve" else o for o in outputs], "`y`[0]: expected"),
        (lambda name, outputs: [o.astype("float64") for o in outputs], "got float64[4]"),
        (lambda name, outputs: [~o if name == "test" else o for o in outputs], "`c`: expected"),
        (lambda name, outputs: [], "expected 1 outputs, got 0"),
        (lambda name, outputs: [outputs[1]], "the engine fails"),
    ],
)
def test_a_wrong_engine_is_found(change: Any, text: str) -> None:
    report = check_blocks(halving(), {}, HARVEST, engine(change))
    assert any(text in mismatch.text for mismatch in report.mismatches)
    assert {mismatch.block for mismatch in report.mismatches} <= {"test", "body"}


def test_a_truth_within_rounding_of_its_threshold_is_a_near_tie() -> None:
    flip = engine(lambda name, outputs: [~o if name == "test" else o for o in outputs])
    near = {**HARVEST, "test": [(torch.full((4,), 0.25 * (1 + 1e-7)),)]}
    report = check_blocks(halving(), {}, near, flip)
    assert report.mismatches == []
    assert len(report.near_ties) == 1


def test_a_graph_that_was_not_reached_is_run_on_random_inputs() -> None:
    program = halving()
    for node in program.graphs["halve"].nodes:
        if node.op == "placeholder":
            node.meta["type"] = TensorType("float32", (4,))
    report = check_blocks(program, {}, {}, engine(lambda name, outputs: [o * 2 for o in outputs]))
    assert [mismatch.block for mismatch in report.mismatches] == ["body"]


def test_random_inputs_have_the_types_of_the_placeholders() -> None:
    graph = torch.fx.Graph()
    types = [TensorType("int64", (2, "s0")), TensorType("bool", ()), ScalarType("float")]
    for i, type_ in enumerate(types):
        graph.placeholder(f"i{i}").meta["type"] = type_
    [(first, second, third)] = random_inputs(graph)
    assert (first.dtype, tuple(first.shape)) == (torch.int64, (2, 3))
    assert second.dtype == torch.bool
    assert (third.dtype, third.dim()) == (torch.float64, 0)


class Session:
    """A compiled program that is the reference interpreter; ``change`` spoils its results."""

    def __init__(
        self, interpreter: Interpreter, change: Callable[[Any], Any] = lambda result: result
    ) -> None:
        self.interpreter, self.change = interpreter, change

    def call(self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return self.change(self.interpreter.run(method, *args, **kwargs))

    def seed(self, seed: int | None) -> None:
        self.interpreter.noise = Noise(seed)

    def reset(self) -> None:
        self.interpreter.reset()


EXAMPLES = [Example("forward", (torch.ones(4), k)) for k in (1, 2)]


def test_examples_are_compared_alone_and_in_a_session() -> None:
    model = Counting()
    report = check_examples(Session(Interpreter(*counting())), {"forward": model}, EXAMPLES)
    assert (report.mismatches, report.cases, model.count) == ([], 3, 0)


def test_a_wrong_result_and_a_state_that_is_not_kept_are_found() -> None:
    originals = {"forward": Counting()}
    wrong = Session(Interpreter(*counting()), lambda result: (result[0] + 1, result[1]))
    assert check_examples(wrong, originals, EXAMPLES).mismatches

    class Forgetful(Session):
        def call(self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
            self.interpreter.reset()
            return super().call(method, args, kwargs)

    [mismatch] = check_examples(Forgetful(Interpreter(*counting())), originals, EXAMPLES).mismatches
    assert mismatch.case.startswith("call 2 of 2")


def test_an_example_on_a_threshold_is_a_near_tie() -> None:
    class Other(Session):
        def call(self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
            return super().call(method, [args[0] * (1 - 4e-7)], kwargs)

    example = Example("forward", (torch.full((4,), 0.25) * (1 + 2e-7),))
    report = check_examples(Other(Interpreter(halving(), {})), {"forward": Halving()}, [example])
    assert report.mismatches == []
    assert len(report.near_ties) == 1

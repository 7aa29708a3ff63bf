"""Every sample, as it is recorded, in the reference interpreter: quick, before anything is lowered."""

from __future__ import annotations

import pytest
import torch
from samples.evaluation import KINDS, SUBJECTS, load_sample

from dyncc.compiler.check.compare import REFERENCE, Outcome, compare_outcomes, outcome
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize

LONG = ("speculative", "deq", "calm")


@pytest.mark.parametrize(
    "name", [pytest.param(k, marks=pytest.mark.slow if k in LONG else ()) for k in (*SUBJECTS, *KINDS)]
)
@torch.no_grad()
def test_a_sample_is_recorded_rightly(name: str) -> None:
    sample = load_sample(name)
    model, method = sample.model.get_model(), "forward"
    recorded = specialize(model, sample.model.example_inputs())
    interpreter = Interpreter(recorded.program, recorded.weights, step_limit=20_000)
    for args in sample.data.evaluation_inputs(3):
        expected = outcome(sample.model.get_model(), args, {})
        actual = outcome(interpreter.run, (method, *args), {})
        interpreter.reset()
        actual = Outcome(actual.value, actual.error, expected.arguments)
        assert not compare_outcomes(expected, actual, REFERENCE).differences

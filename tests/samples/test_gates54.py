"""A chain of 54 gates stays small, whatever the gates change, and computes what eager computes."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from dyncc.compiler.graph import FxGraphOps
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize import specialize
from dyncc.passes.pipeline import DEFAULT_PIPELINE, parse_pipeline, run_pipeline


def load_gates() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gates54", Path(__file__).with_name("gates54.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


gates54 = load_gates()
BLOCKS_PER_GATE: dict[str, int] = dict.fromkeys(gates54.CHAINS, 4) | {"tag that decides": 5}
"""At most. The chain whose tag decides has two decisions at a gate, the others one."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", gates54.CHAINS)
def test_a_chain_of_gates_stays_small_and_right(kind: str) -> None:
    model = gates54.get_model(kind)
    recorded = specialize(model, gates54.example_inputs())
    program = run_pipeline(recorded.program, parse_pipeline(DEFAULT_PIPELINE), FxGraphOps()).program
    assert len(program.blocks) <= BLOCKS_PER_GATE[kind] * gates54.GATES
    compiled = Interpreter(program, recorded.weights)
    for args in gates54.evaluation_inputs(20):
        with torch.no_grad():
            expected, actual = model(*args), compiled.run("forward", *args)
        expected, actual = (v if isinstance(v, tuple) else (v,) for v in (expected, actual))
        torch.testing.assert_close(actual[0], expected[0], rtol=1e-3, atol=1e-4)
        assert actual[1:] == expected[1:]

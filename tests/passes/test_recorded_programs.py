"""Programs that the specializer records: valid, printable, and the same after the default pipeline."""

from __future__ import annotations

import copy
import gc
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dyncc.compiler.graph import FxGraphOps, print_fx_graph
from dyncc.compiler.reference import Interpreter
from dyncc.compiler.specialize.attempts import specialize
from dyncc.compiler.specialize.specializer import Recorded
from dyncc.ir.parser import parse_program
from dyncc.ir.printer import print_program
from dyncc.ir.verifier import verify
from dyncc.passes.pipeline import DEFAULT_PIPELINE, parse_pipeline, run_pipeline

PROGRAMS = Path(__file__).parents[1] / "programs"
OPS = FxGraphOps()


@pytest.fixture(autouse=True)
def _no_clock() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] -- a fixture
    """Hypothesis reads a clock at each collection, which could be taken for the program's doing."""
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = callbacks


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"recorded_{name}", PROGRAMS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outcomes(recorded: Recorded, program: Any, calls: list[tuple[Any, ...]]) -> list[str]:
    interpreter = Interpreter(program, recorded.weights, step_limit=10_000)
    found: list[str] = []
    for call in copy.deepcopy(calls):
        try:
            found.append(repr(interpreter.run(next(iter(program.methods)), *call)))
        except Exception as error:
            found.append(repr(error))
        found.append(repr(call))
    return found


@pytest.mark.parametrize("name", ["nested_returns", "while_walrus", "raise_messages", "state_none"])
def test_recorded_program(name: str) -> None:
    module = load(name)
    recorded = specialize(module.get_model(), module.example_inputs())
    program = recorded.program
    verify(program, OPS.signature)
    text = print_program(program, print_fx_graph, spans=True)
    assert print_program(parse_program(text), spans=True) == text

    after = run_pipeline(program, parse_pipeline(DEFAULT_PIPELINE), OPS, verify_each=True).program
    assert len(after.blocks) < len(program.blocks)
    calls = [module.example_inputs(), *module.more_inputs()]
    assert outcomes(recorded, after, calls) == outcomes(recorded, program, calls)

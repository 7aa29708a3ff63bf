"""Generated programs: compiled equals eager, or the program is refused.

Failures that the fuzzer found are in ``tests/cases/fuzz``; ``python -m tests.fuzz.run --save`` adds
them.
"""

from __future__ import annotations

import collections
from pathlib import Path

import pytest
from tests.fuzz.harness import run, run_source
from tests.fuzz.run import CASES
from tests.fuzz.shrink import reduce

SEEDS = range(20)
ENGINE_SEEDS = range(100, 103)
KEPT = sorted(CASES.glob("*.py"))


def test_generated_programs_are_equal_or_refused() -> None:
    verdicts = [run(seed) for seed in SEEDS]
    assert [verdict for verdict in verdicts if verdict.failed] == []
    kinds = collections.Counter(verdict.kind for verdict in verdicts)
    assert kinds["refused"] <= 2


@pytest.mark.parametrize("seed", ENGINE_SEEDS)
def test_generated_programs_are_equal_in_onnx_runtime(seed: int) -> None:
    verdict = run(seed, engine=True)
    assert not verdict.failed, verdict.detail


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in KEPT])
def test_a_program_that_once_failed(path: Path) -> None:
    verdict = run_source(path.read_text(encoding="utf-8"))
    assert not verdict.failed, verdict.detail


def test_shrinking_keeps_what_fails() -> None:
    source = "def f(x):\n    a = 1\n    if x:\n        b = 2\n        c = 3\n    return a\n"
    small = reduce(source, lambda text: "c = 3" in text)
    assert small == "def f(x):\n    c = 3\n"

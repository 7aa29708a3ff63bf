"""The generator itself: its programs run in eager, decide, and are the same on every machine."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.constructs import constructs, pairs_table
from tests.fuzz.generator import draft, generate
from tests.fuzz.inputs import load, session


@pytest.mark.parametrize("seed", range(8))
def test_a_case_runs_and_takes_different_paths(seed: int) -> None:
    runs = session(load(generate(seed).source))
    paths = {tuple((read.line, read.used) for read in reads) for _, reads in runs}
    assert len(runs) >= 2
    assert len(paths) >= 2
    assert len({read.line for _, reads in runs for read in reads}) >= 2


def test_a_seed_always_gives_the_same_program() -> None:
    assert generate(5) == generate(5)
    assert generate(5).source != generate(6).source


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_every_draft_is_valid_python(seed: int) -> None:
    compile(draft(random.Random(seed)).source, "case.py", "exec")


def test_the_constructs_of_a_program_are_read_off_its_text() -> None:
    source = (
        "class Net:\n    def __init__(self):\n        while True: pass\n"
        "    def forward(self, x):\n        for i in range(2):\n            x.add_(1)\n        return x\n"
    )
    assert constructs(source) == {"for", "in place"}
    table = pairs_table([constructs(source), frozenset({"for"})])
    assert "| **for** | 2 | 1 |" in table

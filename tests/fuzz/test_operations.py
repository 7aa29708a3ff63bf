"""Some of the table of operations by operands, others each time the table changes."""

from __future__ import annotations

import random

from tests.fuzz.operations import Case, cases, check, functions

FOUND = [
    Case("a in b", "int", "list of tensors"),
    Case("a in b", "known int", "list"),
    Case("a not in b", "int", "range"),
    Case("a > b", "grown list of tensors", "empty list"),
    Case("max(a, b)", "mixed list", "grown list"),
    Case("a if b else 0", "tag", "range"),
    Case("a == b", "known range", "range"),
    Case("a.extend(b) or a", "grown list", "grown list of tuples"),
    Case("a.insert(b, 3) or a", "grown list", "optional"),
    Case("type(a).__name__", "grown list of tuples"),
    Case("bool(a)", "keyed dict"),
    Case("len(str(a))", "keyed dict"),
    Case("max(a, key=lambda e: e == b)", "array", "float tensor"),
    Case("len(a)", "range"),
]
"""What was wrong once."""


def test_what_was_wrong_once() -> None:
    _compare(FOUND)


def test_operations_by_operands() -> None:
    verdicts = _compare(random.Random(0).sample(cases(), 250))
    assert verdicts.count("equal") >= 40


def _compare(chosen: list[Case]) -> list[str]:
    verdicts: list[str] = []
    with functions(chosen) as module:
        for number, case in enumerate(chosen):
            verdict, what = check(case, getattr(module, f"f{number}"))
            assert verdict != "wrong", what
            verdicts.append(verdict)
    return verdicts

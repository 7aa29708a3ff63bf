"""The seeded faults can still be planted; a few are caught here, all by ``python -m tests.fuzz.faults``."""

from __future__ import annotations

import pytest
from tests.fuzz.faults import FAULTS, Fault, main, planted


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_fits_the_source(fault: Fault) -> None:
    compile(planted(fault), fault.module, "exec")


def test_the_faults_differ() -> None:
    assert len(FAULTS) == len({(fault.module, fault.old) for fault in FAULTS}) >= 30


@pytest.mark.slow
def test_faults_are_caught() -> None:
    assert main([]) == 0

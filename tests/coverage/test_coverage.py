"""Every case of the coverage suite gives the verdict that it declares, and the page says the same."""

import functools
import inspect
import re
import sys
from functools import partial

import pytest
import torch
from tests.coverage.cases import TABLES, Case, all_cases
from tests.coverage.page import TARGET, page
from tests.coverage.verdicts import Verdict, eager, judge, unexpected
from tests.programs.test_programs import eager_path

from dyncc.compiler.check.compare import outcome

pytestmark = pytest.mark.filterwarnings("ignore")
CASES = all_cases()
judged = functools.cache(judge)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_gives_its_verdict(case: Case) -> None:
    assert not unexpected(case, judged(case))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_gives_its_verdict_in_the_engine(case: Case) -> None:
    assert not unexpected(case, judge(case, engine=True))


def test_the_page_is_made_from_the_cases() -> None:
    """The verdicts of compiled cases are those declared, which the test above holds."""
    verdicts = {case: judged(case) if case.refused else Verdict("equal") for case in CASES}
    assert TARGET.read_text(encoding="utf-8") == page(verdicts), "`make coverage` writes the page anew"


def test_a_construct_is_listed_once() -> None:
    lines = [(case.table, case.construct) for case in CASES]
    assert len(set(lines)) == len(lines)
    assert len({case.id for case in CASES}) == len(CASES)
    assert all(table.cases for table in TABLES)


def test_an_operator_that_is_named_is_used() -> None:
    """A line of the page says of each operator in it that it is compiled, or refused."""
    (layers,) = [table for table in TABLES if table.title == "Layers and operators"]
    for case in layers.cases:
        body = inspect.getsource(case.program).split(case.construct)[-1]
        unused = [name for name in re.findall(r"`(\w+)`", case.construct) if name not in body]
        assert not unused, f"{case.id} is listed as {case.construct}"


DECIDING = [case for case in CASES if not case.refused and case.group != "Numbers from data"]
"""Cases with a decision in them; numbers that are read and computed with have one path."""


@pytest.mark.slow
@pytest.mark.parametrize("case", DECIDING, ids=lambda case: case.id)
def test_the_calls_of_a_case_take_different_paths(case: Case) -> None:
    model = case.build()
    file = sys.modules[case.program.__module__].__file__
    assert file is not None and len(case.arguments) >= 3
    calls = [partial(outcome, eager(case, model), args, {}) for args in case.calls()]
    with torch.no_grad():
        assert len({eager_path(call, file)[0] for call in calls}) >= 2

"""Graphs do what Python does: results, exceptions and the order of side effects."""

from __future__ import annotations

import pytest
from tests.cases.frontend.run import control, exceptional, expressions, functions, matches
from tests.frontend.compare import Case, Trace, assert_same
from tests.frontend.interp import UnsupportedReached, interpreted

MODULES = (control, exceptional, expressions, functions, matches)
CASES = [case for module in MODULES for case in module.case.cases]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.function.__name__)
def test_same_as_python(case: Case) -> None:
    for arguments in case.arguments:
        assert_same(case.function, arguments)


def test_bare_raise_is_refused_where_nothing_is_handled() -> None:
    def function(t: Trace) -> None:
        t("before")
        raise  # noqa: PLE0704

    with pytest.raises(UnsupportedReached, match="handles no exception"):
        interpreted(function)(Trace())

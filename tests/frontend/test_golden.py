"""The text of graphs: source in ``tests/cases/frontend/*.py``, expected text in ``*.cfg`` beside it."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dyncc.compiler.frontend.build import build
from dyncc.compiler.frontend.printer import dump

CASES = sorted((Path(__file__).parents[1] / "cases" / "frontend").glob("*.py"))


def functions(code: types.CodeType) -> Iterator[types.CodeType]:
    """The functions of a module and of its classes, in source order."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            if constant.co_flags & 0x1:  # CO_OPTIMIZED: a function, else the body of a class
                yield constant
            else:
                yield from functions(constant)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_text(path: Path, golden: Callable[[Path, str], None]) -> None:
    module = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    text = "\n".join(dump(build(code)) for code in functions(module))
    golden(path.with_suffix(".cfg"), text)

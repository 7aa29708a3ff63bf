"""Every function of some real files has a graph that keeps the rules."""

from __future__ import annotations

import importlib.util
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.frontend.invariants import check

from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.build import build
from dyncc.compiler.frontend.printer import dump

MODULES = (
    *("argparse", "contextlib", "dataclasses", "functools", "inspect", "statistics", "tarfile"),
    *("torch/nn/functional.py", "torch/nn/modules/module.py", "torch/nn/modules/rnn.py"),
    *("torch/nn/modules/transformer.py", "torch/nn/modules/activation.py", "torch/_tensor.py"),
)
KNOWN = {
    "asynchronous function",
    "asynchronous inner function",
    "class defined in a function",
    "`raise` alone where the function handles no exception",
}


def path_of(module: str) -> Path:
    package, _, inner = module.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    return Path(spec.origin).parent / inner if inner else Path(spec.origin)


def functions(code: types.CodeType) -> Iterator[types.CodeType]:
    """The functions and generator expressions in ``code``; comprehensions are part of theirs."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            if constant.co_flags & 0x1 and constant.co_name not in (
                "<listcomp>",
                "<setcomp>",
                "<dictcomp>",
            ):
                yield constant
            yield from functions(constant)


@pytest.mark.parametrize("module", MODULES)
def test_graphs_of_a_library(module: str) -> None:
    path = path_of(module)
    unsupported: Counter[str] = Counter()
    found = list(functions(compile(path.read_text(encoding="utf-8"), str(path), "exec")))
    assert found
    for code in found:
        function = build(code)
        check(function)
        assert dump(function)
        for block in function.blocks.values():
            unsupported.update(i.what for i in block.instructions if isinstance(i, cfg.Unsupported))
    assert set(unsupported) <= KNOWN
    asynchronous = sum(count for what, count in unsupported.items() if what.startswith("asynchronous"))
    assert unsupported.total() - asynchronous <= len(found) / 20

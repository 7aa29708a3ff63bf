"""The pages of ``dyncc explain``: every code has one, and its programs do what it says."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.errors import CODES, UnknownCodeError, normalize, page

UNPROVOKED = {"DY301", "DY402", "DY901"}
"""Codes that only a fault of dyncc's or of the exporter's raises: no program of a user's shows them."""


def programs(code: str) -> dict[str, str]:
    """The program under each heading of a page."""
    found = re.findall(r"^## (\w+)\n\n```python\n(.*?)^```", page(code), re.DOTALL | re.MULTILINE)
    return dict(found)


def imported(text: str, path: Path) -> ModuleType:
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


SLOW = {"DY106", "DY111", "DY401"}
"""Pages whose refused program is compiled for long: up to the last block, or through torch.export."""

HAS_API = importlib.util.find_spec("dyncc.compiler.api") is not None
needs_api = pytest.mark.skipif(not HAS_API, reason="dyncc.compiler.api is not there yet")


def as_parameters(codes: list[str]) -> list[object]:
    return [pytest.param(code, marks=[pytest.mark.slow] if code in SLOW else []) for code in codes]


SHOWN = [code for code in CODES if code not in UNPROVOKED]


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_page_with_its_title(code: str) -> None:
    title, _, rest = page(code).partition("\n")
    assert title == f"# {code}: {CODES[code]}"
    assert len(rest.split()) > 15
    assert all(len(line) <= 116 for line in page(code).splitlines())
    assert set(programs(code)) == (set() if code in UNPROVOKED else {"Refused", "Repaired"})


def test_there_are_no_other_pages() -> None:
    folder = Path(__file__).parents[2] / "docs" / "errors"
    assert {file.stem for file in folder.glob("*.md")} == set(CODES)


@needs_api
@pytest.mark.parametrize("code", as_parameters(SHOWN))
def test_the_refused_program_is_refused_with_this_code(code: str, tmp_path: Path) -> None:
    from dyncc.compiler.api import compile

    module = imported(programs(code)["Refused"], tmp_path / f"refused_{code}.py")
    with pytest.raises(CompileError) as refused:
        compile(module.Net().eval(), module.example_inputs(), output=tmp_path / "net.dyncc")
    assert [diagnostic.code for diagnostic in refused.value.diagnostics] == [code]
    assert not (tmp_path / "net.dyncc").exists()


@pytest.mark.parametrize("code", SHOWN)
def test_the_repaired_program_can_be_specialized(code: str, tmp_path: Path) -> None:
    from dyncc.compiler.noise import drawing
    from dyncc.compiler.reference import Interpreter
    from dyncc.compiler.specialize.attempts import specialize
    from dyncc.runtime.noise import Noise

    module = imported(programs(code)["Repaired"], tmp_path / f"repaired_{code}.py")
    model, inputs = module.Net().eval(), module.example_inputs()
    recorded = specialize(model, inputs)
    (method,) = recorded.program.methods
    actual = Interpreter(recorded.program, recorded.weights, noise=Noise(0)).run(method, *inputs)
    with drawing(0):
        torch.testing.assert_close(actual, model(*inputs))


@needs_api
@pytest.mark.slow
@pytest.mark.parametrize("code", SHOWN)
def test_the_repaired_program_compiles(code: str, tmp_path: Path) -> None:
    from dyncc.compiler.api import compile
    from dyncc.compiler.noise import drawing

    module = imported(programs(code)["Repaired"], tmp_path / f"repaired_{code}.py")
    model, inputs = module.Net().eval(), module.example_inputs()
    net = compile(model, inputs, output=tmp_path / "net.dyncc")
    net.seed(0)
    with drawing(0):
        torch.testing.assert_close(net(*inputs), model(*inputs))


@pytest.mark.parametrize("text", ["DY103", "dy103", "103"])
def test_codes_are_found_however_they_are_written(text: str) -> None:
    assert normalize(text) == "DY103"


def test_an_unknown_code() -> None:
    with pytest.raises(UnknownCodeError):
        page("DY999")

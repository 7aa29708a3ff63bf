"""The pages of ``dyncc explain``: every code has one, and its programs do what it says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

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
    spec.loader.exec_module(module)
    return module


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


@pytest.mark.parametrize("code", SHOWN)
def test_the_repaired_program_runs_in_pytorch(code: str, tmp_path: Path) -> None:
    module = imported(programs(code)["Repaired"], tmp_path / f"repaired_{code}.py")
    module.Net()(*module.example_inputs())


@pytest.mark.parametrize("text", ["DY103", "dy103", "103"])
def test_codes_are_found_however_they_are_written(text: str) -> None:
    assert normalize(text) == "DY103"


def test_an_unknown_code() -> None:
    with pytest.raises(UnknownCodeError):
        page("DY999")

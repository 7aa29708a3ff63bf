"""Hosts as a person reads them: the programs of ``tests/cases/host`` and their texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.runtime.cases import FOLDER, read_case

from dyncc.runtime.host import Origin, generate
from dyncc.runtime.host.emit import Emitter
from dyncc.runtime.host.statements import depths
from dyncc.runtime.program import Span

CASES = sorted(FOLDER.glob("*.program"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_text(path: Path, golden: Callable[[Path, str], None]) -> None:
    source = {number: f"source line {number}" for number in range(1, 60)}
    origin = Origin("dyncc 0.1.0", f"dyncc {path.stem}.py", ((f"{path.stem}.py", "3fa1c2" + "0" * 58),))
    host = generate(read_case(path), sources={f"{path.stem}.py": source}, origin=origin)
    golden(path.with_suffix(".host.py"), host.text)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_is_deterministic_and_compiles(path: Path) -> None:
    program = read_case(path)
    for traced in (False, True):
        text = generate(program, traced=traced).text
        assert text == generate(read_case(path), traced=traced).text
        compile(text, "host.py", "exec")


def test_lines_are_mapped_to_the_source() -> None:
    host = generate(read_case(FOLDER / "decode.program"))
    lines = host.text.splitlines()
    (number,) = [index for index, line in enumerate(lines, 1) if "list_append(" in line]
    assert host.spans[number].line == 34
    assert host.spans[number].path == "decode.py"


def test_the_text_is_the_same_on_every_system() -> None:
    """A bundle of a Windows machine runs elsewhere: its host, made again there, must not differ."""
    emitter = Emitter({})
    emitter.add("x = 1", 0, Span(r"C:\nets\walk.py", 4, 1, 4, 2))
    assert emitter.lines[0].endswith("# walk.py:4")


def test_depths_counts_what_python_counts() -> None:
    assert depths([]) == (0, 0)

"""Running the command line in this process, on files made by the test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TypeAlias

import pytest

from dyncc.compiler.cli import main

Write: TypeAlias = Callable[..., Path]


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def untouched_imports(tmp_path: Path) -> Iterator[None]:
    """The command imports users' files; their names must not leak into the next test."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """``write(text, name="net.py")`` makes a file in the working directory, with torch imported in it."""
    monkeypatch.chdir(tmp_path)

    def make(text: str, name: str = "net.py", imports: bool = True) -> Path:
        head = "import torch\nfrom torch import nn\n" if imports else ""
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + dedent(text))
        return path

    return make


@pytest.fixture
def dyncc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """``dyncc("net.py", "-v")`` runs the command in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Result(int(ended.value.code or 0), captured.out, captured.err)

    return run

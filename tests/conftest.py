"""Goldens: expected texts in files beside their cases.

``pytest --update-goldens`` rewrites those that differ; the run fails all the same, so that a rewritten
golden is looked at before it is believed, and in CI the flag is refused.
"""

from __future__ import annotations

import difflib
import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="rewrite goldens that differ, and fail")


def pytest_configure(config: pytest.Config) -> None:
    os.environ["DYNCC_STRICT_REPORT"] = "1"  # a report that cannot be made is a fault here, not a warning
    os.environ["DYNCC_CACHE"] = ""  # thousands of programs, each loaded once
    if config.getoption("--update-goldens") and os.environ.get("CI"):
        raise pytest.UsageError(
            "--update-goldens is refused in CI: rewrite goldens where you can read them"
        )


def pytest_collection_finish() -> None:
    gc.freeze()  # what is imported by now stays: the garbage collector need not look it through again


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """``golden(path, text)`` fails where the file at ``path`` does not hold ``text``."""
    update = bool(request.config.getoption("--update-goldens"))

    def check(path: Path, text: str) -> None:
        expected = path.read_text(encoding="utf-8") if path.exists() else ""
        if text == expected and path.exists():
            return
        diff = "".join(
            difflib.unified_diff(
                expected.splitlines(keepends=True), text.splitlines(keepends=True), str(path), "actual"
            )
        )
        if update:
            path.write_text(text, encoding="utf-8")
            pytest.fail(f"rewrote {path.name}; read the change\n{diff}", pytrace=False)
        pytest.fail(f"{path.name} differs (--update-goldens rewrites it)\n{diff}", pytrace=False)

    return check

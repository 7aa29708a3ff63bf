"""``docs/passes.md`` names every pass."""

from __future__ import annotations

import re
from pathlib import Path

from dyncc.passes.registry import PASSES


def test_every_pass_is_described() -> None:
    text = (Path(__file__).parents[2] / "docs" / "passes.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) == sorted(PASSES)

"""The text of ``docs/coverage.md``, from the cases and their verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from tests.coverage.cases import Case
from tests.coverage.verdicts import Verdict

TARGET = Path(__file__).parents[2] / "docs" / "coverage.md"

PUBLIC = Path(__file__).with_name("public.md")
"""What was measured on programs that are none of ours."""

HEAD = """\
# What compiles

Made by `make coverage` from the cases in `tests/coverage/`: do not edit. Each line is a small program that
decides on a tensor, or computes with numbers read from one. *Compiled* means that it gave what PyTorch
gives, call by call: results, exceptions, writes to arguments, state. *Refused* means that the compiler says
so, with the code and message shown; the page of a code (`dyncc explain DY103`) has the way around. Code
that does not decide on a tensor's value may use all of Python, since it runs at compile time.

The quick tests hold every line true in the reference interpreter, the slow ones in ONNX Runtime.
"""


def page(verdicts: Mapping[Case, Verdict]) -> str:
    """The page; ``verdicts`` are as declared."""
    refused = sum(verdict.kind == "refused" for verdict in verdicts.values())
    noted = sum(bool(case.note) for case in verdicts)
    compiled = len(verdicts) - refused
    parts = [HEAD, f"**{compiled} compiled ({noted} with a note), {refused} refused.**\n"]
    for group, members in groupby(verdicts, key=lambda case: case.group):
        parts.append(f"## {group}\n")
        for title, cases in groupby(members, key=lambda case: case.table):
            rows = [_row(case, verdicts[case]) for case in cases]
            head = [f"### {title}\n", "| construct | result | note |", "|---|---|---|"]
            parts.append("\n".join([*head, *rows]) + "\n")
    parts.append(PUBLIC.read_text(encoding="utf-8"))
    return "\n".join(parts)


def _row(case: Case, verdict: Verdict) -> str:
    if verdict.kind == "equal":
        return _cells(case.construct, "compiled", case.note)
    message = verdict.detail.splitlines()[0]
    note = f"{message}; {case.note}" if case.note else message
    return _cells(case.construct, f"refused, [{verdict.code}](errors/{verdict.code}.md)", note)


def _cells(*texts: str) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts).replace("  ", " ") + " |"

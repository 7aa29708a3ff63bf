"""The printed form of diagnostics: source lines, labels, lanes, footers."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from dyncc.compiler.diagnostics import CompileError, Diagnostic, Label
from dyncc.compiler.diagnostics_render import layout, render, rich_text
from dyncc.runtime.program import Span

SOURCE = """\
import torch
def f(self, x):
    name = f"expert{int(self.gate(x).argmax())}"
    if name in self.table:
\t\ty = "日本" + g(x)
    z = foo(
        a,
        b,
    )
    a = f(b, c) + d
    for i in range(3):
        one
        two
        three
        four
        five
        last
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = tmp_path / "router.py"
    path.write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return str(path)


def shown(diagnostic: Diagnostic) -> str:
    return "\n" + render([diagnostic]) + "\n"


def test_the_form_of_the_style_guide(file: str) -> None:
    diagnostic = Diagnostic(
        "DY104",
        "the text of a tensor's value is used to decide",
        Span(file, 4, 8, 4, 12),
        "its text is needed here",
        related=(Label(Span(file, 3, 20, 3, 46), "this number is known only when the network runs"),),
        notes=("a fact\nin two lines",),
        helps=("index a list instead",),
    )
    assert shown(diagnostic) == dedent("""
        error[DY104]: the text of a tensor's value is used to decide
         --> router.py:4:8
          |
        3 |     name = f"expert{int(self.gate(x).argmax())}"
          |                    -------------------------- this number is known only when the network runs
        4 |     if name in self.table:
          |        ^^^^ its text is needed here
          |
        note: a fact
              in two lines
        help: index a list instead
        explain: dyncc explain DY104
    """)


def test_several_labels_on_a_line_hang_below_it(file: str) -> None:
    diagnostic = Diagnostic(
        "DY101",
        "m",
        Span(file, 10, 9, 10, 16),
        "call",
        related=(Label(Span(file, 10, 11, 10, 12), "b"), Label(Span(file, 10, 19, 10, 20), "d")),
    )
    assert shown(diagnostic) == dedent("""
        error[DY101]: m
          --> router.py:10:9
           |
        10 |     a = f(b, c) + d
           |         ^^^^^^^   - d
           |         | |
           |         | b
           |         call
           |
        explain: dyncc explain DY101
    """)


def test_wide_characters_and_tabs_keep_the_labels_in_place(file: str) -> None:
    diagnostic = Diagnostic(
        "DY101",
        "m",
        Span(file, 5, 14, 5, 18),
        "call",
        related=(Label(Span(file, 5, 7, 5, 11), "text"),),
    )
    assert shown(diagnostic) == dedent("""
        error[DY101]: m
         --> router.py:5:14
          |
        5 |         y = "日本" + g(x)
          |             ------   ^^^^ call
          |             |
          |             text
          |
        explain: dyncc explain DY101
    """)


def test_a_span_of_several_lines_has_a_lane(file: str) -> None:
    diagnostic = Diagnostic("DY101", "m", Span(file, 6, 9, 9, 6), "this call")
    assert shown(diagnostic) == dedent("""
        error[DY101]: m
         --> router.py:6:9
          |
        6 |       z = foo(
          |  _________^
        7 | |         a,
        8 | |         b,
        9 | |     )
          | |_____^ this call
          |
        explain: dyncc explain DY101
    """)


def test_a_long_span_is_elided_and_nested_lanes_stay_apart(file: str) -> None:
    diagnostic = Diagnostic(
        "DY101",
        "m",
        Span(file, 11, 5, 17, 13),
        "loop",
        related=(Label(Span(file, 12, 9, 13, 12), "inner"), Label(Span(file, 2, 5, 2, 6), "f")),
    )
    assert shown(diagnostic) == dedent("""
        error[DY101]: m
          --> router.py:11:5
           |
         2 |     def f(self, x):
           |         - f
        ...
        11 | /       for i in range(3):
        12 | | /         one
        13 | | |         two
           | | |___________- inner
        14 | |           three
        ...  |
        17 | |           last
           | |______________^ loop
           |
        explain: dyncc explain DY101
    """)


def test_labels_in_another_file_have_their_own_section(file: str, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("value = 1\n")
    diagnostic = Diagnostic(
        "DY101",
        "m",
        Span(file, 1, 1, 1, 7),
        "here",
        related=(Label(Span(str(other), 1, 1, 1, 6), "defined here"),),
    )
    assert shown(diagnostic) == dedent("""
        error[DY101]: m
         --> router.py:1:1
          |
        1 | import torch
          | ^^^^^^ here
          |
         ::: other.py:1:1
          |
        1 | value = 1
          | ----- defined here
          |
        explain: dyncc explain DY101
    """)


def test_without_source_the_place_is_printed() -> None:
    diagnostic = Diagnostic("", "m", Span("<string>", 3, 4, 3, 9), "here", severity="warning")
    assert shown(diagnostic) == dedent("""
        warning: m
         --> <string>:3:4
          = 3:4: here
    """)


def test_without_a_place() -> None:
    assert render([Diagnostic("", "m", None, helps=("h",))]) == "error: m\nhelp: h"


def test_an_error_is_its_rendered_text(file: str) -> None:
    first, second = Diagnostic("DY101", "one", None), Diagnostic("DY102", "two", None)
    error = CompileError([first, second])
    assert error.diagnostics == (first, second)
    assert str(error) == "\n" + render([first, second])
    assert "error[DY101]: one" in str(error) and "error[DY102]: two" in str(error)


def test_an_error_without_diagnostics_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least one"):
        CompileError([])


def test_colours_change_no_character(file: str) -> None:
    diagnostic = Diagnostic("DY101", "m", Span(file, 6, 9, 9, 6), "l", notes=("n",), helps=("h",))
    plain = "\n".join(line.rstrip() for line in rich_text([diagnostic]).plain.splitlines())
    assert plain == render([diagnostic])
    primary = [piece for line in layout(diagnostic) for piece, style in line if style == "primary"]
    assert "^" in "".join(primary)

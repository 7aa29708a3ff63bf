"""The text form is read back as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from tests.ir.generated import programs
from tests.ir.samples import sample

from dyncc.ir import Program
from dyncc.ir.parser import ParseError, parse_program
from dyncc.ir.printer import print_program

TEXT = Path(__file__).with_name("sample.program").read_text(encoding="utf-8")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs)
def test_print_then_parse_is_the_identity(program: Program[str]) -> None:
    text = print_program(program, spans=True)
    parsed = parse_program(text)
    assert repr(parsed) == repr(program)  # by text, since True == 1 == 1.0
    assert print_program(parsed, spans=True) == text


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs)
def test_text_without_spans_is_a_fixed_point(program: Program[str]) -> None:
    text = print_program(program)
    assert print_program(parse_program(text)) == text


def test_the_sample() -> None:
    assert parse_program(print_program(sample(), spans=True)) == sample()
    parsed = parse_program(TEXT)
    assert print_program(parsed) == TEXT
    assert parsed.blocks["first"].steps[0].span is None
    assert parsed.graphs == sample().graphs


def test_layout_and_comments_are_free() -> None:
    text = "# a comment\nprogram p\nb( x :int):# the note\n\n  # at the margin only\n"
    with pytest.raises(ParseError, match="expected a name"):
        parse_program(text)
    program = parse_program(
        text.replace("  # at the margin only", "# here\n  return(x)".replace("(x)", " x"))
    )
    assert program.blocks["b"].note == "the note"
    assert print_program(program) == "program p\n\nb(x: int):  # the note\n    return x\n"


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        ("    jump", "expected a name", 9),
        ("    jump b(", "expected a name", 12),
        ("    jump b(1) c", "expected the end of the line", 15),
        ("    branch p ? b() b()", "expected `:`", 20),
        ("    switch i {1: b()}", "the last case of a switch is `else`", 22),
        ("    a: int, c: int = add(1, 2)", "`add` has one result, not 2", 31),
        ("    add(1, 2)", "`add` has one result, not 0", 14),
        ("    a: f32 = add(1, 2)", "expected `[`", 12),
        ("    a: f32[1, = add(1, 2)", "expected `]`", 26),
        ('    return "a\\x"', "the string is wrong: Invalid \\escape", 17),
        ('    return dict["a"](1)', "expected 2 items, not 1", 21),
        ("    return 1 @ net.py:3", "expected `:line:column-line:column`", 22),
    ],
)
def test_errors_have_a_place(line: str, message: str, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse_program(f"program p\n\nb():\n{line}\n")
    assert (caught.value.message, caught.value.line, caught.value.column) == (message, 4, column)
    assert str(caught.value).splitlines()[1:] == [f"  line 4: {line}", "  " + " " * (8 + column - 1) + "^"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the text is empty"),
        ("block p", "expected `program`"),
        ("program p\n  x", "expected a section at the margin"),
        ("program p\nb():\n", "block `b` has no end"),
        ("program p\nb():\n  return 1\n  return 1", "the block has ended"),
        ("program p\nb():\n  return 1\nb():\n  return 1", "there is a block `b` already"),
        ("program p\nmethod m()\nmethod m()", "there is a method `m` already"),
        ("program p\ngraph g\ngraph g", "there is a graph `g` already"),
        ("program p\ngraph g {\n    a", "the graph has no end"),
        ("program p\ngraph g {\na\n}", "expected an indented line or `}`"),
    ],
)
def test_errors_of_structure(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse_program(text)

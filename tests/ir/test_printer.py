"""The text form of programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.ir.samples import sample

from dyncc.ir import (
    Block,
    Const,
    Edge,
    Input,
    InputNode,
    Jump,
    ListType,
    Parameter,
    Program,
    ScalarType,
    TensorType,
)
from dyncc.ir.printer import constant_text, name_text, parameter_text, print_lines, print_program, type_text

TEXT = Path(__file__).with_name("sample.program").read_text(encoding="utf-8")


def test_the_sample_as_text() -> None:
    assert print_program(sample()) == TEXT


def test_spans_are_shown_on_request() -> None:
    text = print_program(sample(), spans=True)
    assert "\n    q: bool = item(p) @ net.py:15:9-15:21 in Net.forward\n" in text
    block = "first(x: f32[1, 3, s0, s0], n: int): @ net.py:14:9-14:21 in Net.forward, "
    assert f"\n{block}net.py:15:9-15:21 in Net.forward  # Net.forward:14\n" in text
    assert '\nfrozen "self.depth" = "3" @ net.py:5:9-5:21 in Net.__init__\n' in text


def test_graphs_are_printed_by_the_callback() -> None:
    text = print_program(sample(), lambda graph: f"<{len(graph)}>")
    assert text.endswith("graph stem {\n    <24>\n}\n\ngraph make {\n    <0>\n}\n")


def test_every_part_has_its_line() -> None:
    printed = print_lines(sample())
    shown = {place: printed.lines[number].strip() for place, number in printed.places.items()}
    assert shown["entry", "forward", 1] == "entry later(x)"
    assert shown["cell", 1, 0] == 'cell hidden: f32[1, 8] at "self.hidden"'
    assert shown["step", "first", 1] == "q: bool = item(p)"
    assert shown["terminator", "choose"] == "jump stop(h)"
    assert shown["graph", "make"] == "graph make"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("h.1", "h.1"),
        ("%3", "%3"),
        ("größe", "größe"),
        ("x[0]", "`x[0]`"),
        ("nan", "`nan`"),
        ("3", "`3`"),
        ("a`\n", "`a\\u0060\\n`"),
        ("", "``"),
    ],
)
def test_names(name: str, text: str) -> None:
    assert name_text(name) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "True"),
        (1, "1"),
        (-0.0, "-0.0"),
        (1e-5, "1e-05"),
        (float("-inf"), "-inf"),
        ("é\n", '"\\u00e9\\n"'),
    ],
)
def test_constants(value: bool | int | float | str, text: str) -> None:
    assert constant_text(value) == text


def test_types() -> None:
    assert (
        type_text(ListType(TensorType("bfloat16", ("s0 + 1", "2*s0", 4)))) == "list<bf16[s0 + 1, 2*s0, 4]>"
    )
    assert type_text(TensorType("float8_e4m3fn", ())) == "float8_e4m3fn[]"
    assert type_text(TensorType("int64", ("Max(1, s0)", "3"))) == 'i64["Max(1, s0)", "3"]'


def test_a_block_called_like_a_section_is_quoted() -> None:
    block = Block("state", (), (), Jump(Edge("state")))
    assert "\n`state`():\n    jump state()\n" in print_program(Program("p", {}, (), {"state": block}, {}))


def test_an_input_of_another_name_than_its_parameter_is_named() -> None:
    assert parameter_text(Parameter("x", "positional", Input("y", ScalarType("int")))) == "x: int as y"
    odd = InputNode("dict", (Input("a", ScalarType("int")),), ("k", "extra"))
    assert parameter_text(Parameter("x", "positional", odd)) == 'x: dict(int as a; "k", "extra")'


def test_printing_needs_no_torch() -> None:
    program = "import sys, dyncc.ir.printer, dyncc.ir.verifier; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout == "False\n", run.stderr


def test_constants_of_different_kinds_print_differently() -> None:
    assert len({constant_text(Const(value).value) for value in (0, False, 0.0, "0", None)}) == 5

"""What ``dyncc inspect`` shows of a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dyncc.compiler.cli.inspect_text import program_data, program_text
from dyncc.runtime.program import (
    Block,
    Branch,
    Cell,
    Compute,
    Const,
    Constraint,
    Edge,
    Entry,
    Frozen,
    HostOp,
    Input,
    Leaf,
    Method,
    Parameter,
    Program,
    Ref,
    Return,
    ScalarType,
    Span,
    State,
    TensorType,
    Value,
)

X = TensorType("float32", (1, "s0"))
FLAG = TensorType("bool", ())


def program(path: str) -> Program[str]:
    """A network that decides once, from two lines of a file."""
    decision, result = Span(path, 1, 1, 1, 10), Span(path, 2, 5, 2, 13)
    first = Block(
        "first",
        (Value("x", X),),
        (
            Compute("stem", (Ref("x"),), (Value("h", X), Value("p", FLAG)), decision),
            HostOp("item", (Ref("p"),), Value("q", ScalarType("bool"))),
        ),
        Branch(Ref("q"), Edge("done", (Ref("h"),)), Edge("done", (Ref("x"),)), decision),
        note="Net.forward:1",
    )
    done = Block("done", (Value("y", X),), (), Return(Leaf(Ref("y")), span=result))
    method = Method(
        "forward",
        (Parameter("x", "positional", Input("x", X)),),
        (Entry("first", ("x",)),),
        (Constraint("s0 > 1", "the pooling"),),
    )
    return Program(
        name="Net",
        methods={"forward": method},
        states=(State((Cell("n", ScalarType("int"), "self.n", Const(0)),)),),
        blocks={"first": first, "done": done},
        graphs={"stem": "stem.onnx"},
        frozen=(Frozen("mode", "'mean'", Span(path, 1, 1, 1, 3)),),
    )


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text("if x.sum():\n    return x\n")
    return str(tmp_path / "net.py")


def test_the_text(source: str) -> None:
    assert program_text(program(source), {"stem": 2048}).splitlines() == [
        "method forward(x: f32[1, s0])",
        "  starts in first",
        "  requires s0 > 1   (the pooling)",
        "state kept between calls",
        "  0: self.n: int",
        "",
        "2 blocks, 1 graph",
        "",
        "first(x: f32[1, s0])   Net.forward:1",
        "  run stem (2.0 kB) -> h: f32[1, s0], p: bool[]",
        "      net.py:1  if x.sum():",
        "  1 instruction of the host",
        "  if q go to done, else to done",
        "",
        "done(y: f32[1, s0])",
        "  return",
        "      net.py:2  return x",
        "",
        "fixed at compile time",
        "  mode = 'mean'   net.py:1",
    ]


def test_the_data(source: str) -> None:
    data = json.loads(json.dumps(program_data(program(source), {"stem": 2048})))
    assert data["methods"]["forward"]["parameters"] == ["x: f32[1, s0]"]
    assert data["blocks"]["first"]["edges"] == ["done(h)", "done(x)"]
    assert data["blocks"]["first"]["ends"] == "branch"
    assert data["graphs"] == {"stem": 2048}
    assert data["frozen"][0]["value"] == "'mean'"

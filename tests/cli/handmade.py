"""A small bundle made by hand, so that the commands are tested without the compiler.

``forward(x)``: for ``x: float32[2]`` it returns ``{"y": x + x, "side": "up"}`` where the sum is positive,
raises ``ValueError("no")`` where it is below -10, else returns ``{"y": x, "side": "down"}``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dyncc.runtime.bundle import host_text
from dyncc.runtime.engine import Port
from dyncc.runtime.examples import Example, pack
from dyncc.runtime.manifest import GraphFile, Manifest, Source, manifest_text
from dyncc.runtime.program import (
    Block,
    Branch,
    Compute,
    Const,
    Edge,
    Entry,
    ExceptionType,
    Fixed,
    Frozen,
    HostOp,
    Input,
    Leaf,
    Method,
    Node,
    Parameter,
    Program,
    Raise,
    Ref,
    Return,
    ScalarType,
    Span,
    State,
    TensorType,
    TextPart,
    Value,
)

SOURCE = """\
if x.sum() > 0:
    return dict(y=2 * x, side="up")
if x.sum() < -10:
    raise ValueError("no")
return dict(y=x, side="down")
"""
X = TensorType("float32", (2,))
FLOAT = ScalarType("float")
BOOL = ScalarType("bool")


def write_bundle(folder: Path) -> Path:
    """Write the bundle and its source file into ``folder``; the bundle's path."""
    source = folder / "net.py"
    source.write_text(SOURCE)
    bundle = folder / "net.dyncc"
    (bundle / "blocks").mkdir(parents=True)
    onnx.save(_model(), bundle / "blocks" / "stem.onnx")
    arrays: dict[str, np.ndarray] = {}
    up, down = np.array([1, 2], "float32"), np.array([-1, -2], "float32")
    examples = (
        Example("forward", {"x": pack(up, "a", arrays)}, pack({"y": up + up, "side": "up"}, "b", arrays)),
        Example("forward", {"x": pack(down, "c", arrays)}, pack({"y": down, "side": "down"}, "d", arrays)),
    )
    np.savez(bundle / "examples.npz", **arrays)
    seal(bundle, _manifest(source, examples))
    return bundle


def seal(bundle: Path, manifest: Manifest) -> None:
    """Write ``host.py`` and ``program.json`` with the digests of what is there."""
    (bundle / "host.py").write_text(host_text(manifest))
    files = sorted(file for file in bundle.rglob("*") if file.is_file() and file.name != "program.json")
    digests = {
        file.relative_to(bundle).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }
    manifest.digests.update(digests)
    (bundle / "program.json").write_text(manifest_text(manifest))


def _model() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Add", ["x", "x"], ["y"]),
        helper.make_node("ReduceSum", ["x", "axes"], ["s"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "stem",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [2]),
            helper.make_tensor_value_info("s", TensorProto.FLOAT, []),
        ],
        [numpy_helper.from_array(np.array([0], "int64"), "axes")],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])


def _manifest(source: Path, examples: tuple[Example, ...]) -> Manifest:
    lines = dict(enumerate(SOURCE.splitlines(), 1))
    digest = hashlib.sha256(SOURCE.encode()).hexdigest()
    ports = tuple(Port(name, "float32", shape) for name, shape in (("x", (2,)), ("y", (2,)), ("s", ())))
    return Manifest(
        program=_program(str(source)),
        graphs={"stem": GraphFile("blocks/stem.onnx", ports[:1], ports[1:])},
        generator="by hand",
        command="dyncc net.py",
        sources=(Source(str(source), digest, lines),),
        examples=examples,
    )


def _output(value: str, side: str) -> Node:
    return Node("dict", (Leaf(Ref(value)), Leaf(Const(side))), ("y", "side"))


def _program(path: str) -> Program[str]:
    def at(line: int) -> Span:
        return Span(path, line, 1, line, len(SOURCE.splitlines()[line - 1]) + 1, "forward")

    first = Block(
        "first",
        (Value("x", X),),
        (
            Compute("stem", (Ref("x"),), (Value("y", X), Value("s", TensorType("float32", ()))), at(1)),
            HostOp("item", (Ref("s"),), Value("total", FLOAT), at(1)),
            HostOp("gt", (Ref("total"), Const(0)), Value("positive", BOOL), at(1)),
        ),
        Branch(Ref("positive"), Edge("up", (Ref("y"),)), Edge("low", (Ref("x"), Ref("total"))), at(1)),
    )
    up = Block("up", (Value("y", X),), (), Return(_output("y", "up"), span=at(2)))
    low = Block(
        "low",
        (Value("x", X), Value("total", FLOAT)),
        (HostOp("lt", (Ref("total"), Const(-10)), Value("far", BOOL), at(3)),),
        Branch(Ref("far"), Edge("fail"), Edge("down", (Ref("x"),)), at(3)),
    )
    error = ExceptionType("ValueError", "builtins", "ValueError")
    fail = Block("fail", (), (), Raise(error, (TextPart(Const("no")),), span=at(4)))
    down = Block("down", (Value("x", X),), (), Return(_output("x", "down"), span=at(5)))
    method = Method(
        "forward",
        (
            Parameter("x", "positional", Input("x", X)),
            Parameter("mode", "keyword", Fixed("mean"), optional=True),
        ),
        (Entry("first", ("x",)),),
    )
    return Program(
        name="Net",
        methods={"forward": method},
        states=(State(),),
        blocks={block.name: block for block in (first, up, low, fail, down)},
        graphs={"stem": "stem"},
        frozen=(Frozen("argument `mode` of `forward`", "'mean'", at(1)),),
    )

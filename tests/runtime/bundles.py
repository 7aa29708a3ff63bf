"""A small bundle made by hand: ONNX graphs, a cell that starts with a weight, examples.

``Walk.forward(x)`` halves ``x`` until its maximum is at most 1 and counts; it raises after ten times.
``Walk.total(x)`` adds ``x`` to a running sum. Both use numbers in graphs.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper as oh

from dyncc.runtime import bundle
from dyncc.runtime import program as p
from dyncc.runtime.engine import Port
from dyncc.runtime.examples import Example, Raises, pack
from dyncc.runtime.manifest import GraphFile, Manifest, Source, Weight, manifest_text

T = p.TensorType("float32", ("s0", 4))
SUM = p.TensorType("float32", (4,))
FLAG = p.TensorType("bool", ())
INT, BOOL = p.ScalarType("int"), p.ScalarType("bool")
LINES = {
    2: "    def forward(self, x):",
    3: "        h, n = x, 0",
    4: "        while h.max() > 1:",
    5: "            h = h / 2",
    6: "            n += 1",
    7: "        if n > 10:",
    8: "            raise ValueError(f'too many: {n:03d}')",
    9: "        return {'y': h, 'steps': n}",
    11: "    def total(self, x):",
    12: "        self.sum = self.sum + x.sum(0)",
    13: "        return self.sum",
}
R, V = p.Ref, p.Value


def at(line: int, function: str = "Walk.forward") -> p.Span:
    text = LINES[line]
    return p.Span("walk.py", line, len(text) - len(text.lstrip()) + 1, line, len(text) + 1, function)


def walk_program() -> p.Program[Any]:
    cell = (R("sum"),)
    blocks = [
        p.Block(
            "start",
            (V("x", T), V("sum", SUM)),
            (),
            p.Jump(p.Edge("loop", (R("x"), p.Const(0), *cell)), at(3)),
        ),
        p.Block(
            "loop",
            (V("h", T), V("n", INT), V("sum", SUM)),
            (
                p.Compute("above", (R("h"), p.Const(1)), (V("big", FLAG),), at(4)),
                p.HostOp("item", (R("big"),), V("c", BOOL), at(4)),
            ),
            p.Branch(
                R("c"),
                p.Edge("body", (R("h"), R("n"), *cell)),
                p.Edge("check", (R("h"), R("n"), *cell)),
                at(4),
            ),
            note="loop",
        ),
        p.Block(
            "body",
            (V("h", T), V("n", INT), V("sum", SUM)),
            (
                p.Compute("half", (R("h"),), (V("h.1", T),), at(5)),
                p.HostOp("add", (R("n"), p.Const(1)), V("n.1", INT), at(6)),
            ),
            p.Jump(p.Edge("loop", (R("h.1"), R("n.1"), *cell)), at(4)),
        ),
        p.Block(
            "check",
            (V("h", T), V("n", INT), V("sum", SUM)),
            (p.HostOp("gt", (R("n"), p.Const(10)), V("c", BOOL), at(7)),),
            p.Branch(
                R("c"), p.Edge("fail", (R("n"), *cell)), p.Edge("done", (R("h"), R("n"), *cell)), at(7)
            ),
        ),
        p.Block(
            "fail",
            (V("n", INT), V("sum", SUM)),
            (),
            p.Raise(
                p.ExceptionType("ValueError", "builtins", "ValueError"),
                (p.TextPart(p.Const("too many: ")), p.TextPart(R("n"), spec="03d")),
                cells=cell,
                span=at(8),
            ),
        ),
        p.Block(
            "done",
            (V("h", T), V("n", INT), V("sum", SUM)),
            (),
            p.Return(
                p.Node("dict", (p.Leaf(R("h")), p.Leaf(R("n"))), ("y", "steps")), cells=cell, span=at(9)
            ),
        ),
        p.Block(
            "add",
            (V("x", T), V("sum", SUM)),
            (p.Compute("accumulate", (R("x"), R("sum")), (V("sum.1", SUM),), at(12, "Walk.total")),),
            p.Return(p.Leaf(R("sum.1")), cells=(R("sum.1"),), span=at(13, "Walk.total")),
        ),
    ]
    x = p.Parameter("x", "positional", p.Input("x", T))
    methods = {
        "forward": p.Method("forward", (x,), (p.Entry("start", ("x",)),), span=at(2)),
        "total": p.Method("total", (x,), (p.Entry("add", ("x",)),), span=at(11, "Walk.total")),
    }
    state = p.State((p.Cell("sum", SUM, "self.sum", "sum"),))
    graphs: dict[str, Any] = dict.fromkeys(("above", "half", "accumulate"))
    return p.Program("Walk", methods, (state,), {block.name: block for block in blocks}, graphs)


def write_graph(
    path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], **constants: Any
) -> GraphFile:
    """An ONNX file; inputs and outputs are (name, NumPy dtype, shape)."""

    def infos(ports: list[Any]) -> list[Any]:
        return [
            oh.make_tensor_value_info(name, oh.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
            for name, dtype, shape in ports
        ]

    tensors = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = oh.make_graph(nodes, path.stem, infos(inputs), infos(outputs), tensors)
    model = oh.make_model(graph, opset_imports=[oh.make_opsetid("", 18)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    ports = [
        tuple(Port(name, dtype, tuple(shape)) for name, dtype, shape in side) for side in (inputs, outputs)
    ]
    return GraphFile(f"blocks/{path.name}", *ports)


def write_walk(folder: Path) -> Path:
    """The bundle, in ``folder``."""
    h = ("h", "float32", ["s0", 4])
    half = np.array(0.5, np.float32)
    axis = np.array([0], np.int64)
    node = oh.make_node
    graphs = {
        "above": write_graph(
            folder / "blocks" / "above.onnx",
            [
                node("ReduceMax", ["h"], ["most"], keepdims=0),
                node("Cast", ["limit"], ["bound"], to=1),
                node("Greater", ["most", "bound"], ["big"]),
            ],
            [h, ("limit", "int64", [])],
            [("big", "bool", [])],
        ),
        "half": write_graph(
            folder / "blocks" / "half.onnx",
            [node("Mul", ["h", "half"], ["y"])],
            [h],
            [("y", "float32", ["s0", 4])],
            half=half,
        ),
        "accumulate": write_graph(
            folder / "blocks" / "accumulate.onnx",
            [node("ReduceSum", ["h", "axis"], ["s"], keepdims=0), node("Add", ["s", "old"], ["new"])],
            [h, ("old", "float32", [4])],
            [("new", "float32", [4])],
            axis=axis,
        ),
    }
    (folder / "blocks" / "weights.bin").write_bytes(b"\0" * 64 + np.arange(4, dtype=np.float32).tobytes())
    stored: dict[str, np.ndarray] = {}
    examples = tuple(_examples(stored))
    np.savez(folder / "examples.npz", **dict[str, Any](stored))
    manifest = Manifest(
        walk_program(),
        graphs,
        generator=bundle.generator(),
        command="dyncc walk.py:Walk",
        sources=(Source("walk.py", "ab" * 32, LINES),),
        weights={"sum": Weight("float32", (4,), 64, 16)},
        examples=examples,
    )
    (folder / "host.py").write_text(bundle.host_text(manifest), encoding="utf-8")
    seal(folder, manifest)
    return folder


def _examples(stored: dict[str, np.ndarray]) -> list[Example]:
    x = np.full((2, 4), 9, np.float32)
    sum_ = np.arange(4, dtype=np.float32)
    return [
        Example("forward", {"x": pack(x, "0.x", stored)}, pack({"y": x / 16, "steps": 4}, "0.y", stored)),
        Example(
            "forward",
            {"x": pack(x * 1000, "1.x", stored)},
            raises=Raises("ValueError", "too many: 014"),
            session=1,
        ),
        Example("total", {"x": pack(x, "2.x", stored)}, pack(sum_ + 18, "2.y", stored), session=2),
        Example("total", {"x": pack(x, "3.x", stored)}, pack(sum_ + 36, "3.y", stored), session=2),
    ]


def seal(folder: Path, manifest: Manifest) -> None:
    """Write ``program.json`` with the digests of the files as they are."""
    digests = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "program.json"
    }
    (folder / "program.json").write_text(
        manifest_text(replace(manifest, digests=digests)), encoding="utf-8"
    )

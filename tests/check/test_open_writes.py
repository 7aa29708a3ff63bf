"""Inputs with which a block writes to one place twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx import helper as oh

from dyncc.compiler.check.open_writes import writes_twice


def model(path: Path, kind: str, index: list[int], **attributes: object) -> Path:
    """``y = kind(x, -i, u)``: the index is computed."""
    value = oh.make_tensor_value_info
    sizes = [len(index)] if kind == "ScatterND" else [len(index), 2]
    nodes = [oh.make_node("Neg", ["i"], ["j"]), oh.make_node(kind, ["x", "j", "u"], ["y"], **attributes)]
    graph = oh.make_graph(
        nodes,
        "g",
        [
            value("x", TensorProto.FLOAT, [4, 2]),
            value("i", TensorProto.INT64, [*sizes, 1][:2]),
            value("u", TensorProto.FLOAT, [len(index), 2]),
        ],
        [value("y", TensorProto.FLOAT, [4, 2])],
    )
    onnx.save(oh.make_model(graph, opset_imports=[oh.make_opsetid("", 18)], ir_version=9), path)
    return path


@pytest.mark.parametrize(
    ("index", "twice"), [([1, 2, 3], False), ([1, 2, 1], True), ([1, 2, -3], True), ([0, 0, 1], True)]
)
def test_rows(tmp_path: Path, index: list[int], twice: bool) -> None:
    path = model(tmp_path / "m.onnx", "ScatterND", index)
    feeds = {
        "x": np.zeros((4, 2), np.float32),
        "i": -np.array(index)[:, None],
        "u": np.ones((len(index), 2), np.float32),
    }
    assert writes_twice(path, feeds) is twice
    adding = model(tmp_path / "a.onnx", "ScatterND", index, reduction="add")
    assert writes_twice(adding, feeds) is False


@pytest.mark.parametrize(("index", "twice"), [([1, 2], False), ([1, 1], True), ([1, -3], True)])
def test_elements(tmp_path: Path, index: list[int], twice: bool) -> None:
    path = model(tmp_path / "m.onnx", "ScatterElements", index, axis=0)
    feeds = {
        "x": np.zeros((4, 2), np.float32),
        "i": -np.repeat(np.array(index)[:, None], 2, 1),
        "u": np.ones((len(index), 2), np.float32),
    }
    assert writes_twice(path, feeds) is twice

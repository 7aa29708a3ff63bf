"""``--verify-each`` notices an ONNX pass that changes numbers."""

from __future__ import annotations

import numpy as np
import onnx_ir
import pytest
import torch

from dyncc.compiler import CompileError, compile
from dyncc.compiler.graph_probe import GraphProbe
from dyncc.passes.fold_weights import FoldWeights


def spoil(model: onnx_ir.Model) -> None:
    """Double the first weight."""
    value = next(value for value in model.graph.initializers.values() if value.name == "w")
    assert value.const_value is not None
    value.const_value = onnx_ir.tensor(2 * value.const_value.numpy(), name=value.name)


def model() -> onnx_ir.Model:
    x, y = (
        onnx_ir.Value(name=name, type=onnx_ir.TensorType(onnx_ir.DataType.FLOAT), shape=onnx_ir.Shape((3,)))
        for name in "xy"
    )
    w = onnx_ir.Value(name="w", const_value=onnx_ir.tensor(np.ones(3, np.float32), name="w"))
    node = onnx_ir.node("Add", [x, w], outputs=[y])
    graph = onnx_ir.Graph([x], [y], nodes=[node], initializers=[w], opset_imports={"": 20}, name="g")
    return onnx_ir.Model(graph, ir_version=9)


def test_equal_is_no_fault_and_other_numbers_are() -> None:
    graphs = {"g": model()}
    probe = GraphProbe(graphs)
    probe.compare(graphs, "nothing")
    spoil(graphs["g"])
    with pytest.raises(CompileError, match="the pass `spoils` changed the graph `g`"):
        probe.compare(graphs, "spoils")


def test_a_compile_with_verify_each_names_the_pass(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: FoldWeights, model: onnx_ir.Model) -> None:
        for value in list(model.graph.initializers.values()):
            if value.const_value is not None and value.dtype is onnx_ir.DataType.FLOAT:
                value.const_value = onnx_ir.tensor(value.const_value.numpy() + 1, name=value.name)
        next(iter(model.graph)).metadata_props["spoilt"] = "yes"
        model.graph.append(onnx_ir.node("Identity", [model.graph.inputs[0]]))

    monkeypatch.setattr(FoldWeights, "_fold", wrong)
    net = torch.nn.Linear(2, 2)
    with pytest.raises(CompileError, match="the pass `fold-weights` changed"):
        compile(net, (torch.ones(1, 2),), output=tmp_path / "net.dyncc", verify=False, verify_each=True)

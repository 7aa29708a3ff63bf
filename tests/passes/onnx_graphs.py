"""ONNX graphs as text, run before and after a pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx.parser
import onnx_ir

from dyncc.compiler.graph_probe import GraphProbe, run_model
from dyncc.ir import Program
from dyncc.passes.base import OnnxPass, Result

HEAD = '<ir_version: 9, opset_import: ["" : 20]>\n'


def read(text: str, weights: Mapping[str, Any] | None = None) -> onnx_ir.Model:
    """A model of a text such as ``g (float[2] x) => (float[2] y) { y = Relu(x) }``; the inputs that
    ``weights`` names become constants."""
    model = onnx_ir.from_proto(onnx.parser.parse_model(HEAD + text))
    for name, array in (weights or {}).items():
        value = next(value for value in model.graph.inputs if value.name == name)
        model.graph.inputs.remove(value)
        value.const_value = onnx_ir.tensor(np.asarray(array), name=name)
        model.graph.register_initializer(value)
    return model


def program(model: onnx_ir.Model) -> Program[onnx_ir.Model]:
    return Program("net", {}, (), {}, {"g": model})


def run(each: OnnxPass, model: onnx_ir.Model) -> tuple[list[str], Result[onnx_ir.Model]]:
    """The operators after the pass; inputs, outputs and numbers must be as before, and twice be as once."""
    names = [value.name for value in (*model.graph.inputs, *model.graph.outputs)]
    probe = GraphProbe({"g": model})
    assert probe.expected["g"] is not None, "the graph does not run"
    result = each.run_onnx(program(model))
    assert [value.name for value in (*model.graph.inputs, *model.graph.outputs)] == names
    assert run_model(model, probe.inputs["g"]) is not None, "the graph does not run any more"
    probe.compare({"g": model}, each.name)
    operators = [node.op_type for node in model.graph]
    assert not each.run_onnx(program(model)).modified
    assert [node.op_type for node in model.graph] == operators
    return operators, result

"""Shapes: those that a file records are used where inference knows none, not where it knows better."""

from __future__ import annotations

import onnx_ir
from tests.prune.nets import net, pruned, sizes

from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.groups import groups_of_model
from dyncc.passes.prune.prepare import prepared

WEIGHTS = {"a": (8, 3, 1, 1), "b": (4, 8, 1, 1)}
CHAIN = "{ h = Conv(x, a)  i = Relu(h)  j = Abs(i)  y = Conv(j, b) }"


def recorded(model: onnx_ir.Model, **shapes: tuple[int | str | None, ...]) -> onnx_ir.Model:
    """The model with these shapes at the results of its nodes."""
    for node in model.graph:
        for value in node.outputs:
            if value.name in shapes:
                value.shape = onnx_ir.Shape(list(shapes[value.name]))
                value.dtype = onnx_ir.DataType.FLOAT
    return model


def shapes(model: onnx_ir.Model) -> dict[str, tuple[int | str | None, ...] | None]:
    return {node.outputs[0].name or "": dims(node.outputs[0]) for node in model.graph}


def test_wrong_shapes_are_not_believed() -> None:
    """Left behind by an exporter that moved the transposes: channels last where they are second."""
    text = f"(float[N, 3, 6, 6] x) => (float[N, 4, 6, 6] y) {CHAIN}"
    model = recorded(net(text, WEIGHTS), i=("N", 6, 6, 8), j=("N", 6, 6, 8))
    found = prepared(model)
    assert shapes(found)["i"] == shapes(found)["j"] == ("N", 8, 6, 6)
    assert sizes(groups_of_model(found)) == {"a": 8}
    assert pruned(model).report.after.parameters == 4 * 3 + 4 * 4


def test_wrong_shapes_with_unknown_sizes_are_not_believed() -> None:
    text = f"(float[N, 3, H, W] x) => (float[N, 4, H, W] y) {CHAIN}"
    found = shapes(prepared(recorded(net(text, WEIGHTS), i=("N", "H", "W", 8))))["i"]
    assert found is not None and found[:2] == ("N", 8) and not isinstance(found[3], int)


def test_shapes_that_cannot_be_inferred_are_believed() -> None:
    text = f"(float[N, 3, 6, 6] x) => (float[N, 4, 6, 6] y) {CHAIN}"
    model = net(text, WEIGHTS)
    node = next(node for node in model.graph if node.op_type == "Relu")
    node.domain = "somewhere.else"
    model.opset_imports["somewhere.else"] = 1
    assert shapes(prepared(model))["i"] is None
    found = shapes(prepared(recorded(model, i=("N", 8, 6, 6))))
    assert found["i"] == found["j"] == ("N", 8, 6, 6)


def test_a_size_that_cannot_be_inferred_is_believed() -> None:
    text = "(float[N, 3, 6, 6] x, int64[2] t) => (float[K, M] y) { i = Reshape(x, t)  y = Relu(i) }"
    model = recorded(net(text, {}), i=("K", 108))
    assert shapes(prepared(model))["i"] == ("K", 108)

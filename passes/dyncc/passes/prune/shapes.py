"""Shapes that onnx does not infer: of normalizations that are functions, and of what a loop carries."""

from __future__ import annotations

import onnx_ir

from dyncc.passes.prune.atoms import dims

ALIKE = frozenset(
    {"GroupNormalization", "RMSNormalization", "LayerNormalization", "SimplifiedLayerNormalization", "Gelu"}
    | {"HardSwish", "Mish", "Swish", "Celu", "LpNormalization"}
)
"""Operators whose first result has the shape of the first input."""


def complete_shapes(model: onnx_ir.Model) -> bool:
    """Fill in what onnx left out; gives whether there was anything."""
    changed = False
    for node in model.graph.all_nodes():
        if node.op_type in ALIKE and node.inputs[0] is not None:
            changed |= _copy(node.inputs[0], node.outputs[0])
        elif node.op_type == "Loop":
            changed |= _loop(node)
        elif node.op_type == "If":
            changed |= _branches(node)
    return changed


def _copy(source: onnx_ir.Value, target: onnx_ir.Value) -> bool:
    """Give ``target`` the shape of ``source`` where it has none."""
    shape = dims(source)
    if shape is None or dims(target) is not None:
        return False
    target.shape = onnx_ir.Shape(list(shape))
    if target.dtype is None and source.dtype is not None:
        target.dtype = source.dtype
    return True


def _loop(node: onnx_ir.Node) -> bool:
    """A carried value whose shape one turn does not change has that shape in all turns and at the end."""
    body = node.attributes["body"].value
    assert isinstance(body, onnx_ir.Graph)
    changed = False
    for index, start in enumerate(node.inputs[2:]):
        inner, result = body.inputs[index + 2], body.outputs[index + 1]
        if (
            start is None
            or dims(start) is None
            or any(not isinstance(size, int) for size in dims(start) or ())
        ):
            continue
        if dims(inner) == dims(start) == dims(result):
            changed |= _copy(start, node.outputs[index])
    for inner, outer in zip(
        body.outputs[len(node.inputs) - 1 :], node.outputs[len(node.inputs) - 2 :], strict=True
    ):
        shape = dims(inner)
        if shape is not None and dims(outer) is None:
            outer.shape = onnx_ir.Shape([None, *shape])
            if inner.dtype is not None:
                outer.dtype = inner.dtype
            changed = True
    return changed


def _branches(node: onnx_ir.Node) -> bool:
    """Where both sides give the same shape, so does the whole."""
    then, orelse = (node.attributes[name].value for name in ("then_branch", "else_branch"))
    assert isinstance(then, onnx_ir.Graph) and isinstance(orelse, onnx_ir.Graph)
    changed = False
    for one, other, outer in zip(then.outputs, orelse.outputs, node.outputs, strict=True):
        if dims(one) == dims(other):
            changed |= _copy(one, outer)
    return changed

"""Shapes that onnx does not infer, and those that a file records and that are wrong.

onnx does not infer those of normalizations that are functions, and of what a loop carries; in older
operator sets, of what a reshape to a computed shape gives. Exporters that move transposes leave the old
shapes at the values behind them (jax2onnx 0.17).
"""

from __future__ import annotations

from typing import TypeAlias

import onnx_ir

from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.computed import reshaped

ALIKE = frozenset(
    {"GroupNormalization", "RMSNormalization", "LayerNormalization", "SimplifiedLayerNormalization", "Gelu"}
    | {"HardSwish", "Mish", "Swish", "Celu", "LpNormalization"}
)
"""Operators whose first result has the shape of the first input."""

Recorded: TypeAlias = "dict[onnx_ir.Value, tuple[int | str | None, ...]]"
"""What a file says of the shapes of values between its inputs and its outputs."""


def forget_shapes(model: onnx_ir.Model) -> Recorded:
    """Take the shapes from the results of nodes, but not from the outputs of graphs, and give them."""
    found: Recorded = {}
    for node in model.graph.all_nodes():
        for value in node.outputs:
            shape = dims(value)
            if shape is not None and value.const_value is None and not value.is_graph_output():
                found[value] = shape
                value.shape = None
    return found


def recall_shapes(model: onnx_ir.Model, recorded: Recorded) -> bool:
    """Fill in from the record what inference left open; gives whether there was anything.

    A record that contradicts what was inferred, in the rank or in one size, is not used at all.
    """
    declared = {size for value in model.graph.inputs for size in dims(value) or () if isinstance(size, str)}
    changed = False
    for value, record in recorded.items():
        shape = dims(value)
        merged = record if shape is None else _merged(shape, record, declared)
        if merged != shape:
            value.shape = onnx_ir.Shape(merged)
            changed = True
    return changed


def _merged(
    inferred: tuple[int | str | None, ...], record: tuple[int | str | None, ...], declared: set[str]
) -> tuple[int | str | None, ...]:
    """``inferred`` with the sizes of ``record`` where only that one knows them."""

    def known(size: int | str | None) -> bool:
        # other names are made up, by exporters and by inference, for what they do not know
        return isinstance(size, int) or size in declared

    if len(inferred) != len(record):
        return inferred
    pairs = list(zip(inferred, record, strict=True))
    if any(one != other and known(one) and known(other) for one, other in pairs):
        return inferred
    return tuple(one if known(one) or other is None else other for one, other in pairs)


def complete_shapes(model: onnx_ir.Model) -> bool:
    """Fill in what onnx left out; gives whether there was anything."""
    changed = False
    for node in model.graph.all_nodes():
        if node.op_type in ALIKE and node.inputs[0] is not None:
            changed |= _copy(node.inputs[0], node.outputs[0])
        elif node.op_type == "Reshape":
            changed |= _reshape(node)
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


def _reshape(node: onnx_ir.Node) -> bool:
    """Fill in what is not known of the result."""
    shape, found = dims(node.outputs[0]), reshaped(node)
    if not found or (shape is not None and len(shape) != len(found)):
        return False
    # what onnx inferred stays, names too: it makes some up, and would again
    merged = [
        size if inferred is None or (isinstance(size, int) and isinstance(inferred, str)) else inferred
        for inferred, size in zip(shape or [None] * len(found), found, strict=True)
    ]
    if merged == list(shape or ()):
        return False
    node.outputs[0].shape = onnx_ir.Shape(merged)
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

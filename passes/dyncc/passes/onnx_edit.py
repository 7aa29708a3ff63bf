"""Edits of ONNX graphs that the passes have in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx_ir
import onnx_ir.passes.common as common

Array: TypeAlias = "np.ndarray[Any, Any]"


def infer_shapes(model: onnx_ir.Model) -> None:
    """Fill in the shapes that ONNX itself can infer."""
    if any(value.shape is None for node in model.graph for value in node.outputs):
        common.ShapeInferencePass()(model)


def remove_unused(model: onnx_ir.Model) -> None:
    """Remove nodes and initializers that nothing uses; inputs stay."""
    common.RemoveUnusedNodesPass()(model)


def static_shape(value: onnx_ir.Value | None) -> tuple[int, ...] | None:
    """The shape in numbers; None where a size is free or not known."""
    if value is None or value.shape is None:
        return None
    sizes = tuple(value.shape)
    return sizes if all(isinstance(size, int) for size in sizes) else None  # type: ignore[return-value]


def is_output(value: onnx_ir.Value | None) -> bool:
    """Whether a graph returns ``value``."""
    return value is not None and value.is_graph_output()


def has_other_uses(value: onnx_ir.Value) -> bool:
    """Whether ``value`` is used more than once, or returned."""
    return len(value.uses()) != 1 or value.is_graph_output()


def constant(graph: onnx_ir.Graph, name: str, numbers: Sequence[int] | Array) -> onnx_ir.Value:
    """An initializer, of int64 numbers where it is no array, under ``name`` or one like it; an equal one is
    used again."""
    candidate, number = name, 1
    wanted = numbers if isinstance(numbers, np.ndarray) else np.array(numbers, dtype=np.int64)
    tensor = onnx_ir.tensor(wanted)
    while candidate in graph.initializers:
        found = graph.initializers[candidate].const_value
        if found is not None and _equal(found, tensor):
            return graph.initializers[candidate]
        number += 1
        candidate = f"{name}_{number}"
    tensor.name = candidate
    value = onnx_ir.Value(
        name=candidate,
        type=onnx_ir.TensorType(tensor.dtype),
        shape=onnx_ir.Shape(wanted.shape),
        const_value=tensor,
    )
    graph.register_initializer(value)
    return value


def _equal(one: onnx_ir.TensorProtocol, other: onnx_ir.TensorProtocol) -> bool:
    alike = one.dtype == other.dtype and tuple(one.shape) == tuple(other.shape)
    return alike and one.tobytes() == other.tobytes()


def insert_after(
    graph: onnx_ir.Graph,
    node: onnx_ir.Node,
    new: onnx_ir.Node,
    *,
    like: onnx_ir.Value,
    shape: Sequence[int],
) -> None:
    """Put ``new``, of one result with the type of ``like``, behind ``node``, whose source it has."""
    taken = {value.name for each in graph for value in each.outputs}
    name, number = f"{like.name}_view", 1
    while name in taken:
        number += 1
        name = f"{like.name}_view{number}"
    (made,) = new.outputs
    new.name = made.name = name
    made.type, made.shape = like.type, onnx_ir.Shape(shape)
    new.metadata_props.update(node.metadata_props)
    graph.insert_after(node, new)


def replace_value(
    graph: onnx_ir.Graph, old: onnx_ir.Value, new: onnx_ir.Value, keep: Collection[onnx_ir.Node] = ()
) -> bool:
    """Use ``new`` everywhere in the place of ``old``, but in the nodes ``keep``; an output keeps its name.

    Returns False, and changes nothing, where ``old`` is an output and ``new`` cannot be one in its place:
    an input, an initializer or another output.
    """
    if old.is_graph_output():
        if new.producer() is None or new.is_graph_output():
            return False
        name = old.name
        graph.outputs[:] = [new if output is old else output for output in graph.outputs]
        old.name, new.name = f"{name}_inner", name
    for use in list(old.uses()):
        if use.node not in keep:
            use.node.replace_input_with(use.idx, new)
    return True

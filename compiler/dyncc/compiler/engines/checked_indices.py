"""Indices that an engine would follow out of a tensor: the block says so, and the runtime raises.

PyTorch and ONNX Runtime on the CPU raise for an index that is out of range; TVM's code and CUDA's kernels
read, or write, other memory. So every such operator gets indices that are in range, and the model one more
output, a bool that says whether all of them were in range before
(:data:`~dyncc.runtime.engine.IN_RANGE`). Sizes that are known are constants: what computes sizes runs on
the CPU, also where the rest of a block is on a device.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnx.shape_inference
from onnx import ModelProto, NodeProto, TensorProto
from onnx import helper as oh

from dyncc.runtime.engine import IN_RANGE

_ONE_AXIS = {"Gather": 0, "GatherElements": 0, "ScatterElements": 0, "Scatter": 0}
_ND = frozenset({"GatherND", "ScatterND"})


@dataclass
class _Guards:
    """The nodes that are added, in order, and the bools that they make."""

    nodes: list[NodeProto] = field(default_factory=list[NodeProto])
    flags: list[str] = field(default_factory=list[str])
    constants: list[TensorProto] = field(default_factory=list[TensorProto])
    count: int = 0

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node of one output; returns its name."""
        self.count += 1
        output = f"dyncc.guard_{self.count}"
        self.nodes.append(oh.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, value: object) -> str:
        """An int64 constant; returns its name."""
        self.count += 1
        name = f"dyncc.guard_{self.count}"
        self.constants.append(onnx.numpy_helper.from_array(np.array(value, np.int64), name))
        return name

    def clipped(self, indices: str, sizes: str | np.ndarray[Any, Any]) -> str:
        """``indices`` within ``-sizes`` and ``sizes - 1``; the flag says whether they were."""
        wide = self.add("Cast", indices, to=TensorProto.INT64)
        if isinstance(sizes, str):
            lowest = self.add("Neg", sizes)
            highest = self.add("Sub", sizes, self.constant(1))
        else:
            lowest, highest = self.constant(-sizes), self.constant(sizes - 1)
        low = self.add("GreaterOrEqual", wide, lowest)
        high = self.add("LessOrEqual", wide, highest)
        both = self.add("Cast", self.add("And", low, high), to=TensorProto.INT64)
        # with a one in it, since the least of nothing is no number
        flat = self.add("Reshape", both, self.constant([-1]))
        joined = self.add("Concat", flat, self.constant([1]), axis=0)
        self.flags.append(self.add("ReduceMin", joined, keepdims=0))
        return self.add("Max", self.add("Min", wide, highest), lowest)


def with_checked_indices(model: ModelProto) -> bool:
    """Change ``model`` as above; returns whether there was an index to check (constants are not)."""
    graph = model.graph
    fixed = {tensor.name for tensor in graph.initializer}
    fixed |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    guards = _Guards()
    shapes = _known_shapes(model)
    for node in graph.node:
        known = shapes.get(node.input[0]) if node.input else None
        if node.op_type in _ONE_AXIS and node.input[1] not in fixed:
            axis = next((a.i for a in node.attribute if a.name == "axis"), _ONE_AXIS[node.op_type])
            if known is None:
                shape = guards.add("Shape", node.input[0])
                size = guards.add("Gather", shape, guards.constant(axis), axis=0)
            else:
                size = known[axis]
            node.input[1] = guards.clipped(node.input[1], size)
        elif node.op_type in _ND and node.input[1] not in fixed:
            _guard_nd(guards, node, known, shapes.get(node.input[1]))
        guards.nodes.append(node)
    if not guards.flags:
        return False
    total = guards.flags[0]
    for flag in guards.flags[1:]:
        total = guards.add("Min", total, flag)
    guards.nodes.append(oh.make_node("Cast", [total], [IN_RANGE], to=TensorProto.BOOL))
    nodes = [NodeProto.FromString(node.SerializeToString()) for node in guards.nodes]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(guards.constants)
    graph.output.append(oh.make_tensor_value_info(IN_RANGE, TensorProto.BOOL, []))
    return True


def _known_shapes(model: ModelProto) -> dict[str, np.ndarray[Any, Any]]:
    """The shapes of values that are known in numbers."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    found = {tensor.name: np.array(tensor.dims, np.int64) for tensor in graph.initializer}
    for info in (*graph.input, *graph.value_info, *graph.output):
        sizes = info.type.tensor_type
        if sizes.HasField("shape") and all(dim.HasField("dim_value") for dim in sizes.shape.dim):
            found[info.name] = np.array([dim.dim_value for dim in sizes.shape.dim], np.int64)
    return found


def _guard_nd(
    guards: _Guards,
    node: NodeProto,
    data: np.ndarray[Any, Any] | None,
    indices: np.ndarray[Any, Any] | None,
) -> None:
    """The last dimension of the indices holds one for each of the leading dimensions of the data.

    ``data`` and ``indices`` are their shapes, where those are known.
    """
    batch = next((a.i for a in node.attribute if a.name == "batch_dims"), 0)
    if data is not None and indices is not None:
        node.input[1] = guards.clipped(node.input[1], data[batch : batch + indices[-1]])
        return
    shape = guards.add("Shape", node.input[0])
    length = guards.add(
        "Slice", guards.add("Shape", node.input[1]), guards.constant([-1]), guards.constant([2**31])
    )
    end = guards.add("Add", length, guards.constant([batch]))
    sizes = guards.add("Slice", shape, guards.constant([batch]), end)
    node.input[1] = guards.clipped(node.input[1], sizes)

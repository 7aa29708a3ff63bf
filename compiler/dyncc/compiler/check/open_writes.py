"""Writes to one place twice: which of them counts is open on a device.

``out[index] = values`` with an index that occurs twice keeps the last value on the CPU; PyTorch says that
the result is undefined, and on CUDA, where threads race, it is (``torch.Tensor.index_put_``, ``scatter_``;
ONNX says the same of ``ScatterND`` and ``ScatterElements``). Inputs that a forced decision leads to can do
so where the program's own never would; nothing is to be compared then.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.external_data_helper
import onnxruntime

_SCATTERS = frozenset({"ScatterND", "ScatterElements"})


def writes_twice(path: Path, inputs: Mapping[str, Any]) -> bool:
    """Whether the model at ``path``, with these inputs by name, writes to a place more than once."""
    model = onnx.load(path, load_external_data=False)
    nodes = [node for node in model.graph.node if node.op_type in _SCATTERS and not _reduces(node)]
    if not nodes:
        return False
    known = {output.name for output in model.graph.output}
    wanted = {name for node in nodes for name in node.input[:2]}
    given = {name: inputs[name] for name in wanted & inputs.keys()}
    weights = {tensor.name for tensor in model.graph.initializer}
    for name in sorted(wanted - known - given.keys() - weights):
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    try:
        values = given | _evaluated(model, path, inputs)
    except Exception:  # whatever the engine raises for inputs that lead nowhere
        return False
    return any(_twice(node, values) for node in nodes)


def _evaluated(model: onnx.ModelProto, path: Path, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """All outputs of ``model``, computed on the CPU; its weights lie beside ``path``."""
    onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    taken = {meta.name for meta in session.get_inputs()}
    feeds = {name: value for name, value in inputs.items() if name in taken}
    return dict(zip(names, session.run(names, feeds), strict=True))


def _reduces(node: onnx.NodeProto) -> bool:
    return any(attribute.name == "reduction" and attribute.s != b"none" for attribute in node.attribute)


def _twice(node: onnx.NodeProto, values: Mapping[str, Any]) -> bool:
    indices = values.get(node.input[1])
    data = values.get(node.input[0])
    if indices is None or not indices.size:
        return False  # constant indices are what the program wrote
    if node.op_type == "ScatterND":
        rows = indices.reshape(-1, indices.shape[-1])
        if data is not None:
            rows = rows % np.array(data.shape[: rows.shape[1]])
        return len(np.unique(rows, axis=0)) < len(rows)
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    if data is not None:
        indices = indices % data.shape[axis]
    ordered = np.sort(indices, axis=axis)
    return bool((np.diff(ordered, axis=axis) == 0).any())

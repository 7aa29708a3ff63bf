"""Kernels: does ONNX Runtime have one for every node, and if not, for the same node on a wider dtype?

ONNX Runtime says so only when it makes a session, so one is made of the whole batch, whose weights are
inputs: that takes milliseconds whatever the weights. A node that it refuses on int8, int16, uint8, bool or
16-bit floats runs between casts, on a type that holds all their values; any other is a failure of its call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import onnx_ir

from dyncc.compiler.lower.capture import place_of
from dyncc.compiler.lower.failure import Failure, LoweringError
from dyncc.compiler.lower.rewrite import after, before, replace_uses

_NODE = re.compile(r"(?:node with name '|in node \(|Node \(|Node:|node name:)\s*([^')\s]+)")
_D = onnx_ir.DataType
_WIDER: Mapping[onnx_ir.DataType, onnx_ir.DataType] = {
    _D.INT8: _D.INT32,
    _D.UINT8: _D.INT32,
    _D.INT16: _D.INT32,
    _D.UINT16: _D.INT32,
    _D.FLOAT16: _D.FLOAT,
    _D.BFLOAT16: _D.FLOAT,
}
_TRIES = 200


def check_kernels(model: onnx_ir.Model) -> None:
    """Change ``model`` so that ONNX Runtime takes it; does nothing where that is not installed.

    Raises :class:`LoweringError` with the calls that it has no kernel for.
    """
    try:
        import onnxruntime  # the compiler can do without
    except ImportError:
        return
    failures: list[Failure] = []
    widened: set[onnx_ir.Node] = set()
    for _ in range(_TRIES):
        complaint = _complaint(onnxruntime, model)
        if complaint is None:
            break
        node = _blamed(complaint, model)
        if node is None or node in widened or not _widen(node):
            source = node.meta.get("node") if node is not None else None
            place = place_of(source) if source is not None else None
            operator = f"ONNX {node.op_type}" if node is not None else ""
            failures.append(Failure(place, _short(complaint), operator))
            break
        widened.add(node)
    if failures:
        raise LoweringError(failures)


def _complaint(onnxruntime: Any, model: onnx_ir.Model) -> str | None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(
            onnx_ir.to_proto(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own classes
        return str(error)
    return None


def _blamed(complaint: str, model: onnx_ir.Model) -> onnx_ir.Node | None:
    found = _NODE.search(complaint)
    if found is None:
        return None
    return next((node for node in model.graph if node.name == found[1]), None)


def _short(complaint: str) -> str:
    """The complaint without ONNX Runtime's preamble."""
    text = complaint.split("\n")[0]
    return "ONNX Runtime: " + re.sub(
        r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:This is an invalid model\. )?", "", text
    )


def _widen(node: onnx_ir.Node) -> bool:
    """Put ``node`` between casts to wider dtypes; False where it has none to widen."""
    wider = _WIDER
    inputs = [value for value in node.inputs if value is not None]
    if inputs and all(value.dtype is _D.BOOL for value in inputs):
        wider = {_D.BOOL: _D.INT32}
    if not any(value.dtype in wider for value in inputs):
        return False
    for index, value in enumerate(node.inputs):
        if value is not None and value.dtype in wider:
            dtype = wider[value.dtype]
            node.replace_input_with(index, before(node, "Cast", [value], dtype, value.shape, {"to": dtype}))
    for value in node.outputs:
        if value.dtype in wider:
            narrow = value.dtype
            value.dtype = wider[narrow]
            replace_uses(value, after(value, "Cast", [value], narrow, value.shape, {"to": narrow}))
    return True

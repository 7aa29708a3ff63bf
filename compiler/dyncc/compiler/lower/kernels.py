"""Kernels: does ONNX Runtime have one for every node, and if not, for the same node on a wider dtype?

ONNX Runtime says so only when it makes a session, so one is made of the whole batch, whose weights are
inputs: that takes milliseconds whatever the weights. A node that it refuses on bool, integers or 16-bit
floats runs between casts, on a type that holds all their values; any other is a failure of its call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
import onnx_ir

from dyncc.compiler.lower.capture import place_of
from dyncc.compiler.lower.failure import Failure, LoweringError
from dyncc.compiler.lower.rewrite import after, before, replace_uses

_NODE = re.compile(r"(?:node with name '|in node \(|Node \(|Node:|node name:)\s*([^')\s]*)")
_D = onnx_ir.DataType
_WIDER: Mapping[onnx_ir.DataType, onnx_ir.DataType] = {
    _D.BOOL: _D.INT32,
    _D.INT8: _D.INT32,
    _D.UINT8: _D.INT32,
    _D.INT16: _D.INT32,
    _D.UINT16: _D.INT32,
    _D.INT32: _D.INT64,
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
    for node in list(model.graph):
        if _refused_when_run(node):
            _widen(node, model)
    failures: list[Failure] = []
    for _ in range(_TRIES):
        complaint = _complaint(onnxruntime, model)
        if complaint is None:
            break
        node = _blamed(complaint, model)
        if node is None or not _widen(node, model):
            source = node.meta.get("node") if node is not None else None
            place = place_of(source) if source is not None else None
            operator = f"ONNX {node.op_type}" if node is not None else ""
            failures.append(Failure(place, _short(complaint), operator))
            break
    if failures:
        raise LoweringError(failures)


def _refused_when_run(node: onnx_ir.Node) -> bool:
    """Scattering with a sum has no kernel for 16-bit floats either, but says so only when it runs."""
    data = node.inputs[0] if node.inputs else None
    return (
        node.op_type in ("ScatterElements", "ScatterND")
        and node.attributes.get_string("reduction", "none") != "none"
        and data is not None
        and data.dtype in (_D.FLOAT16, _D.BFLOAT16)
    )


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
    if not found[1]:  # of the function that stands for a node without a kernel of its own
        return next(
            (node for node in model.graph if _is_function(node, model) and _widened(node, model)), None
        )
    return next((node for node in model.graph if node.name == found[1]), None)


def _short(complaint: str) -> str:
    """The complaint without ONNX Runtime's preamble."""
    text = complaint.split("\n")[0]
    return "ONNX Runtime: " + re.sub(
        r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:This is an invalid model\. )?", "", text
    )


def _schema(node: onnx_ir.Node, model: onnx_ir.Model) -> onnx.defs.OpSchema | None:
    version = model.opset_imports.get(node.domain)
    try:
        return onnx.defs.get_schema(node.op_type, version or 1, node.domain)
    except onnx.defs.SchemaError:
        return None


def _is_function(node: onnx_ir.Node, model: onnx_ir.Model) -> bool:
    schema = _schema(node, model)
    return schema is not None and (schema.has_function or schema.has_context_dependent_function)


def _type_variables(parameters: Sequence[onnx.defs.OpSchema.FormalParameter], count: int) -> list[str]:
    """The type variable of each of ``count`` arguments: the last parameter may stand for several."""
    names = [parameter.type_str for parameter in parameters]
    return names[:count] + names[-1:] * (count - len(names))


_Dtypes = tuple[onnx_ir.DataType, onnx_ir.DataType]


def _widened(node: onnx_ir.Node, model: onnx_ir.Model) -> dict[str, _Dtypes]:
    """Type variables of a node that can be bound to a wider dtype: the present one, and that."""
    schema = _schema(node, model)
    if schema is None:
        return {}
    allowed = {each.type_param_str: set(each.allowed_type_strs) for each in schema.type_constraints}
    found: dict[str, _Dtypes] = {}
    for value, name in zip(node.inputs, _type_variables(schema.inputs, len(node.inputs)), strict=True):
        narrow = value.dtype if value is not None else None
        wider = None if narrow is None else _WIDER.get(narrow)
        if narrow and wider and f"tensor({wider.name.lower()})" in allowed.get(name, ()):
            found[name] = narrow, wider
    return found


def _widen(node: onnx_ir.Node, model: onnx_ir.Model) -> bool:
    """Put ``node`` between casts to wider dtypes; False where it has none to widen."""
    widened, schema = _widened(node, model), _schema(node, model)
    if not widened or schema is None:
        return False
    for index, name in enumerate(_type_variables(schema.inputs, len(node.inputs))):
        value = node.inputs[index]
        if value is not None and name in widened:
            _, wider = widened[name]
            node.replace_input_with(index, before(node, "Cast", [value], wider, value.shape, {"to": wider}))
    for value, name in zip(node.outputs, _type_variables(schema.outputs, len(node.outputs)), strict=True):
        if name in widened:
            narrow, value.dtype = widened[name]
            replace_uses(value, after(value, "Cast", [value], narrow, value.shape, {"to": narrow}))
    return True

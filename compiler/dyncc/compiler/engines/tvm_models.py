"""ONNX models as TVM's importer can take them: what it lacks is written out in operators that it has.

Operators that ONNX itself defines as functions of others (``Swish``, ``Celu``, ``CenterCropPad``, …) are
replaced by their definitions.
"""

from __future__ import annotations

from typing import Any

import onnx
import onnx.defs
import onnx.inliner
import onnx.shape_inference
from onnx import ModelProto, NodeProto

DOMAIN = "dyncc.decomposed"


def importable() -> frozenset[str]:
    """The operators that the importer has, by name."""
    from tvm.relax.frontend.onnx import onnx_frontend  # pyright: ignore[reportMissingImports]

    return frozenset(onnx_frontend._get_convert_map())  # there is no public list of them


def decomposed(model: ModelProto, known: frozenset[str] | None = None) -> ModelProto:
    """``model`` with the operators that are not ``known`` written out where ONNX defines them by others.

    Raises NotImplementedError with all that remain: one line about everything that is lacking.
    """
    known = importable() if known is None else known
    for _ in range(4):  # a definition may use what has a definition of its own
        missing = [node for node in model.graph.node if node.op_type not in known]
        if not missing or not _define(model, missing):
            break
        model = onnx.inliner.inline_local_functions(model)
    lacking = sorted({node.op_type for node in model.graph.node} - known)
    if lacking:
        raise NotImplementedError(f"tvm's importer has no {', '.join(lacking)}")
    return model


def _define(model: ModelProto, nodes: list[NodeProto]) -> bool:
    """Turn ``nodes`` into calls of local functions, one each; returns whether there was one to turn."""
    version = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    types = _types(model)
    turned = False
    for number, node in enumerate(nodes):
        body = _definition(node, version, types)
        if body is None:
            continue
        body.name, body.domain = f"{node.op_type}_{len(model.functions)}_{number}", DOMAIN
        node.op_type, node.domain = body.name, DOMAIN
        model.functions.append(body)
        turned = True
    if turned and DOMAIN not in {entry.domain for entry in model.opset_import}:
        model.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
    return turned


def _definition(node: NodeProto, version: int, types: dict[str, bytes]) -> Any:
    """The function that ONNX defines ``node`` by, in operators of ``version``; None where there is none."""
    try:
        schema: Any = onnx.defs.get_schema(node.op_type, version, node.domain)
    except onnx.defs.SchemaError:
        return None
    if schema.has_function:
        body = onnx.FunctionProto()
        body.CopyFrom(schema.function_body)
    elif schema.has_context_dependent_function:
        given = [types.get(name, b"") for name in node.input]
        data = schema.get_context_dependent_function(node.SerializeToString(), given)
        if not data:
            return None
        body = onnx.FunctionProto.FromString(data)
    else:
        return None
    written = next((entry.version for entry in body.opset_import if entry.domain == ""), version)
    if not all(_same_form(inner, written, version) for inner in body.node):
        return None
    del body.opset_import[:]  # the inliner leaves calls alone whose function is of another version
    body.opset_import.append(onnx.helper.make_opsetid("", version))
    return body


def _same_form(node: NodeProto, written: int, version: int) -> bool:
    """Whether ``node`` of one version of the operators is the same node in another."""
    if node.domain not in ("", "ai.onnx"):
        return False
    old, new = (onnx.defs.get_schema(node.op_type, number) for number in (written, version))
    return (len(old.inputs), set(old.attributes)) == (len(new.inputs), set(new.attributes))


def _types(model: ModelProto) -> dict[str, bytes]:
    """The types of a model's values, serialized, as far as ONNX infers them."""
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    infos = [*graph.input, *graph.value_info, *graph.output]
    found = {info.name: info.type.SerializeToString() for info in infos}
    for tensor in graph.initializer:
        type_ = onnx.helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
        found[tensor.name] = type_.SerializeToString()
    return found

"""From any ONNX file to a model whose constants are initializers and whose sizes are known."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir
from onnx_ir.passes import common
from onnxscript import optimizer

from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.errors import OptionError, PruneError
from dyncc.passes.prune.groups import weights_of
from dyncc.passes.prune.operators.reshaping import sizes_asked
from dyncc.passes.prune.shapes import complete_shapes, forget_shapes, recall_shapes

FOLDED = 8192
"""Constants of more elements are not computed in advance."""


def load(path: Path) -> onnx_ir.Model:
    """The model of a file, whose external weights are only mapped. Raises :class:`PruneError`.

    The file is checked first (``onnx.checker``), so a damaged one is refused here.
    """
    if not path.is_file():
        raise OptionError(f"no such file: {path}")
    try:
        onnx.checker.check_model(str(path))
        model = onnx_ir.load(path)
        for value in model.graph.initializers.values():
            if isinstance(value.const_value, onnx_ir.ExternalTensor):
                value.const_value.numpy()
    except FileNotFoundError as error:
        raise PruneError(f"the weights of {path} are missing: {error}", _EXTERNAL) from error
    except Exception as error:
        # protobuf, the checker and onnx-ir raise classes of their own, all of which mean the same here
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        help_ = _EXTERNAL if "external" in reason.lower() or "should be stored in" in reason else ""
        raise PruneError(f"{path} is no valid ONNX file: {reason}", help_) from error
    return model


_EXTERNAL = "keep the file with the weights beside the .onnx file, under the name that it had"


def prepared(model: onnx_ir.Model) -> onnx_ir.Model:
    """A copy without functions, its constants as initializers, with all shapes that can be inferred."""
    model = model.clone()
    _own_constants(model)
    for each in (
        common.InlinePass(),
        common.RemoveInitializersFromInputsPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.RemoveUnusedNodesPass(),
    ):
        each(model)
    recorded = forget_shapes(model)
    infer(model)
    if recall_shapes(model, recorded):
        infer(model)
    if _constant_sizes(model):
        infer(model)
    before = -1
    while before != (before := sum(1 for _ in model.graph.all_nodes())) and before:
        _fold(model)
        infer(model)
        if not _constant_sizes(model) and before == sum(1 for _ in model.graph.all_nodes()):
            break
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.RemoveUnusedNodesPass()(model)
    return model


def _own_constants(model: onnx_ir.Model) -> None:
    """Let constant nodes have tensors of their own (lifting gives them names, and copies share them).

    Weights beside the file become weights of the model, still mapped: what is made of it goes elsewhere.
    """
    for value in weights_of([model.graph]):
        if isinstance(value.const_value, onnx_ir.ExternalTensor):
            outside = value.const_value
            value.const_value = onnx_ir.tensor(outside.numpy(), dtype=outside.dtype, name=outside.name)
    for node in model.graph.all_nodes():
        attribute = node.attributes.get("value")
        if node.op_type == "Constant" and attribute is not None:
            tensor = attribute.value
            made = onnx_ir.tensor(tensor.numpy(), dtype=tensor.dtype, name=tensor.name)
            node.attributes["value"] = onnx_ir.AttrTensor("value", made)


def infer(model: onnx_ir.Model) -> None:
    """Fill in shapes and types: as far as onnx can, and what :mod:`shapes` knows besides."""
    _infer_once(model)
    while complete_shapes(model):
        _infer_once(model)


def _infer_once(model: onnx_ir.Model) -> None:
    logger = logging.getLogger("onnx_ir.passes.common.shape_inference")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        common.ShapeInferencePass(check_type=False, strict_mode=False, data_prop=True)(model)
    finally:
        logger.setLevel(level)


def _fold(model: onnx_ir.Model) -> None:
    optimizer.fold_constants(
        model, input_size_limit=FOLDED, output_size_limit=FOLDED, should_fold=_foldable
    )


def _foldable(node: onnx_ir.Node) -> bool | None:
    """Sizes and indices are computed in advance.

    Weights stay as they are, so that they keep their names.
    """
    for value in node.inputs:
        if value is None or value.const_value is None:
            continue
        if value.const_value.dtype.is_floating_point() and value.const_value.size > 1:
            return False
    return None


def _constant_sizes(model: onnx_ir.Model) -> bool:
    """Replace ``Shape`` of known sizes by constants: what is computed from them is about the original.

    Where only some sizes are known, ``Shape`` is asked for the others alone. Sizes that nobody looks at do
    not count.
    """
    changed = False
    for node in list(model.graph.all_nodes()):
        if node.op_type != "Shape" or node.inputs[0] is None:
            continue
        shape = dims(node.inputs[0])
        if shape is None:
            continue
        start, end = (node.attributes.get(name) for name in ("start", "end"))
        cut = slice(start.value if start else None, end.value if end else None)
        if any(isinstance(shape[axis], int) for axis in sizes_asked(node)):
            _replace_shape(model, node, shape[cut], cut.indices(len(shape))[0])
            changed = True
    return changed


def _replace_shape(
    model: onnx_ir.Model, node: onnx_ir.Node, shape: tuple[int | str | None, ...], first: int
) -> None:
    graph = node.graph
    assert graph is not None
    made: list[onnx_ir.Node] = []
    if all(isinstance(size, int) for size in shape):
        made.append(_constant(list(shape)))
    else:
        pieces: list[onnx_ir.Value] = []
        for offset, size in enumerate(shape):
            asked = [_constant([size])] if isinstance(size, int) else _size(model, node, first + offset)
            made.extend(asked)
            pieces.append(asked[-1].outputs[0])
        made.append(onnx_ir.node("Concat", pieces, {"axis": 0}))
    result, old = made[-1].outputs[0], node.outputs[0]
    for number, each in enumerate(made):
        each.outputs[0].name = f"{old.name}_size{number}"
        each.outputs[0].dtype = onnx_ir.DataType.INT64
    result.shape = onnx_ir.Shape([len(shape)])
    name = old.name
    onnx_ir.convenience.replace_nodes_and_values(graph, node, [node], made, [old], [result])
    result.name = name


def _constant(numbers: Sequence[int | str | None]) -> onnx_ir.Node:
    return onnx_ir.node("Constant", [], {"value": onnx_ir.tensor(np.array(numbers, np.int64))})


def _size(model: onnx_ir.Model, shape: onnx_ir.Node, axis: int) -> list[onnx_ir.Node]:
    """Nodes of which the last gives one size, of the value that ``shape`` asks for all sizes of."""
    value = shape.inputs[0]
    if model.opset_imports.get("", 18) >= 15:
        return [onnx_ir.node("Shape", [value], {"start": axis, "end": axis + 1})]
    # before operator set 15 a Shape gave all sizes
    whole, place = onnx_ir.node("Shape", [value]), _constant([axis])
    picked = onnx_ir.node("Gather", [whole.outputs[0], place.outputs[0]], {"axis": 0})
    return [whole, place, picked]

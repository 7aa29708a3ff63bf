"""Deleting channels: constants sliced, attributes and constant shapes brought up to date."""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx_ir
from numpy.typing import NDArray
from onnx_ir.passes import common

from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.edit import Rewrite
from dyncc.passes.prune.groups import Network, is_used
from dyncc.passes.prune.operators import operator_of

Removed = NDArray[np.bool_]
"""By class of channels, whether it is removed."""


def start(network: Network, removed: Removed, model: onnx_ir.Model) -> Rewrite:
    """A rewrite of a copy of ``model``, in which nothing is changed yet."""
    keeps = partial(network.kept, removed=removed)
    return Rewrite(keeps, model.clone(), model.opset_imports.get("", 18))


def rewritten(network: Network, removed: Removed, model: onnx_ir.Model) -> onnx_ir.Model:
    """A copy of ``model`` (one that ``network`` describes) without the removed channels."""
    rewrite = start(network, removed, model)
    pairs = list(zip(model.graph.all_nodes(), rewrite.model.graph.all_nodes(), strict=True))
    _slice_constants(rewrite, model)
    _set_shapes(rewrite, model)
    for old, new in pairs:
        operator = operator_of(old)
        if operator is not None and operator.change is not None:
            operator.change(rewrite, old, new)
    return drop_unused(rewrite.model)


def _slice_constants(rewrite: Rewrite, model: onnx_ir.Model) -> None:
    for old_graph, new_graph in zip(model.graphs(), rewrite.model.graphs(), strict=True):
        for name, old in old_graph.initializers.items():
            if is_used(old) and rewrite.pruned(old):
                new = new_graph.initializers[name]
                assert old.const_value is not None
                array = sliced(old.const_value.numpy(), rewrite, old)
                new.const_value = onnx_ir.tensor(array, dtype=old.const_value.dtype, name=name)


def sliced(array: np.ndarray, rewrite: Rewrite, value: onnx_ir.Value) -> np.ndarray:
    """The array of a constant without its removed channels."""
    for axis in range(array.ndim):
        kept = rewrite.kept(value, axis)
        if not kept.all():
            array = np.compress(kept, array, axis)
    return np.ascontiguousarray(array)


def _set_shapes(rewrite: Rewrite, model: onnx_ir.Model) -> None:
    for old_graph, new_graph in zip(model.graphs(), rewrite.model.graphs(), strict=True):
        olds, news = _values(old_graph), _values(new_graph)
        for old, new in zip(olds, news, strict=True):
            if dims(old) is not None and new.shape is not None:
                new.shape = onnx_ir.Shape([rewrite.count(old, axis) for axis in range(rewrite.rank(old))])


def _values(graph: onnx_ir.Graph) -> list[onnx_ir.Value]:
    made = [value for node in graph for value in node.outputs]
    return [*graph.inputs, *graph.initializers.values(), *made]


def drop_unused(model: onnx_ir.Model) -> onnx_ir.Model:
    """Take nodes and constants that nothing needs out of ``model``, which is given back."""
    common.RemoveUnusedNodesPass()(model)
    for graph in model.graphs():
        for name, value in list(graph.initializers.items()):
            if not is_used(value):
                del graph.initializers[name]
    return model

"""What a block costs: its operators, its weights and its work."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import onnx_ir

from dyncc.passes.onnx_edit import infer_shapes
from dyncc.passes.prune.atoms import dims
from dyncc.passes.prune.flops import terms
from dyncc.passes.prune.groups import is_floating, weights_of
from dyncc.runtime.manifest import Manifest


@dataclass(frozen=True, slots=True)
class GraphCost:
    """A graph's cost. ``flops`` are twice the multiply-adds of convolutions, matrix products and recurrent
    layers (as in :mod:`dyncc.passes.prune.flops`); a body of a loop in the graph counts as one turn."""

    operators: Mapping[str, int] = field(default_factory=dict[str, int])
    weights: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many floating-point numbers each weight has. Equal keys are one weight of several graphs."""
    flops: int = 0
    free: bool = False
    """Whether a size that is not known was counted as 1."""


def graph_costs(folder: Path, manifest: Manifest) -> dict[str, GraphCost]:
    """The cost of every graph of the bundle in ``folder``; no weight is read."""
    return {
        name: graph_cost(onnx_ir.load(folder / file.file), name) for name, file in manifest.graphs.items()
    }


def graph_cost(model: onnx_ir.Model, name: str) -> GraphCost:
    """The cost of one graph, called ``name``. May fill in shapes of ``model``."""
    infer_shapes(model)
    nodes = list(model.graph.all_nodes())
    operators = Counter(node.op_type for node in nodes)
    flops, free = 0.0, False
    for node in nodes:
        for factor, places in terms(node):
            sizes = [(dims(value) or ())[axis] for value, axis in places]
            free = free or not all(isinstance(size, int) for size in sizes)
            flops += factor * math.prod(size for size in sizes if isinstance(size, int))
    weights = {
        _identity(value, name): _size(value)
        for value in weights_of([model.graph])
        if value.uses() and is_floating(value) and _is_weight(value)
    }
    return GraphCost(dict(operators), weights, int(flops), free)


def _is_weight(value: onnx_ir.Value) -> bool:
    """Whether a constant is more than a number of the program text (a threshold)."""
    return isinstance(value.const_value, onnx_ir.ExternalTensor) or _size(value) > 1


def _size(value: onnx_ir.Value) -> int:
    """How many numbers a constant holds."""
    return math.prod(size for size in dims(value) or () if isinstance(size, int))


def _identity(value: onnx_ir.Value, graph: str) -> str:
    """A weight is its place in the store; a small constant that lies in the graph is that graph's own."""
    tensor = value.const_value
    if isinstance(tensor, onnx_ir.ExternalTensor):
        return f"@{tensor.offset}:{tensor.length}"
    return f"{graph}/{value.name}"

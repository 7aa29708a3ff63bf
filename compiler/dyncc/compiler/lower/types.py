"""The types of a graph's inputs as an export sees them: tensors all."""

from __future__ import annotations

from torch import fx

from dyncc.compiler.graph import placeholders
from dyncc.runtime.program import ScalarType, TensorType

_SCALARS = {"bool": "bool", "int": "int64", "float": "float64"}


def input_type(node: fx.Node) -> TensorType:
    """The type of a placeholder; a number is a tensor without dims."""
    match node.meta["type"]:
        case TensorType() as type_:
            return type_
        case ScalarType(kind) if kind in _SCALARS:
            return TensorType(_SCALARS[kind], ())
        case other:
            raise TypeError(f"`{node.name}` is not a tensor: {other}")


def input_types(graph: fx.Graph) -> list[TensorType]:
    """The types of a graph's inputs in order."""
    return [input_type(node) for node in placeholders(graph)]

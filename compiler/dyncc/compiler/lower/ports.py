"""Inputs and outputs of lowered graphs, as the runtime names them."""

from __future__ import annotations

import onnx_ir

from dyncc.compiler.lower.split import DTYPES
from dyncc.runtime.engine import Port

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def ports_of(model: onnx_ir.Model) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """The inputs and the outputs of a model, in order."""
    return tuple(map(_port, model.graph.inputs)), tuple(map(_port, model.graph.outputs))


def _port(value: onnx_ir.Value) -> Port:
    assert value.name is not None and value.dtype is not None, "an input or output has a name and a type"
    dims: list[int | str] = []
    for dim in value.shape or ():
        dims.append(dim if isinstance(dim, int) else str(dim.value or "?"))
    return Port(value.name, _NAMES[value.dtype], tuple(dims))

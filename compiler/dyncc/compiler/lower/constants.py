"""Python's floats in an ONNX graph: doubles, until they are cast.

Where a translation casts a Python number to the dtype of a tensor, torch.onnx makes a float32 constant of
it first. To a float64 tensor it then comes rounded: 0.1 becomes 0.10000000149.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnx_ir

try:
    from torch.onnx._internal.exporter import _building
except ImportError:  # a private module
    _building = None


@contextmanager
def exact_floats() -> Iterator[None]:
    """Let what is only there to be cast be a double. Does nothing where torch.onnx is another."""
    original = getattr(_building, "_determine_input_dtype", None)
    if original is None:
        yield
        return

    def determine(param: Any, arg: Any, type_binding: Any) -> onnx_ir.DataType:
        # (the only parameters called so are those of Cast and CastLike)
        bound = param.type_constraint in type_binding
        if type(arg) is float and not bound and (param.name, param.type_constraint.name) == ("input", "T1"):
            return onnx_ir.DataType.DOUBLE
        return original(param, arg, type_binding)

    _building._determine_input_dtype = determine  # type: ignore[union-attr]
    try:
        yield
    finally:
        _building._determine_input_dtype = original  # type: ignore[union-attr]

"""The operator table: what each operator ties, and how its node changes. One family a file.

An operator that is not in it freezes all its axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import onnx_ir

from dyncc.passes.prune.operators import (
    control,
    convolution,
    elementwise,
    matmul,
    norm,
    pooling,
    recurrent,
    reducing,
    reshaping,
    slicing,
)
from dyncc.passes.prune.operators.base import Operator

TABLE: Mapping[str, Operator] = MappingProxyType(
    elementwise.OPERATORS
    | convolution.OPERATORS
    | matmul.OPERATORS
    | pooling.OPERATORS
    | norm.OPERATORS
    | reshaping.OPERATORS
    | slicing.OPERATORS
    | reducing.OPERATORS
    | recurrent.OPERATORS
    | control.OPERATORS
)


def operator_of(node: onnx_ir.Node) -> Operator | None:
    """The entry of a node's operator; None for one of another domain or that nobody described."""
    return TABLE.get(node.op_type) if node.domain in ("", "ai.onnx") else None

"""Decompositions of ATen operators that torch.onnx has no translation of, or a wrong one."""

from __future__ import annotations

from dyncc.compiler.lower.decompose import (  # noqa: F401 -- fill the table
    arithmetic,
    doubles,
    einsum,
    indexing,
    linalg,
    losses,
    networks,
    products,
    reductions,
)
from dyncc.compiler.lower.decompose.registry import DECOMPOSITIONS

__all__ = ["DECOMPOSITIONS"]

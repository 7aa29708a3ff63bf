"""Lowering: recorded graphs to ONNX, by ``torch.export`` and ``torch.onnx``, many in one export."""

from __future__ import annotations

from dyncc.compiler.lower.lowering import Lowered, lower_program

__all__ = ["Lowered", "lower_program"]

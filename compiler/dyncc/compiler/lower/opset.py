"""The opset of the models."""

from __future__ import annotations

OPSET = 18
"""The opset that torch's translations are written in; a later one is reached by rewriting the model
afterwards, and ONNX Runtime (1.24 and later) runs nothing in it faster."""

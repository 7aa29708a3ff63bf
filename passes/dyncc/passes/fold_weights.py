"""Compute at compile time what depends on weights alone.

Constants are folded by onnxscript's optimizer, and batch normalization into the convolution or linear layer
before it by its rewriter::

    bn(conv(x, w) + b) = conv(x, w · g) + (b - mean) · g + beta          g = gamma / sqrt(var + eps)

What is folded is a weight of its own, named after the one it comes from (``fc.weight.transpose``). The
exporter gives weights as inputs, so the same optimizer had nothing to fold when it ran on the export.

Refuses to make a constant larger than what it is made from (``limit`` bytes are free), and to fold a batch
normalization whose convolution is also used otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import onnx_ir
import onnxscript.optimizer
import onnxscript.rewriter
from onnxscript.rewriter.rules.common import (
    fuse_batchnorm_into_conv_rule,
    fuse_batchnorm_into_conv_transpose_rule,
    fuse_batchnorm_into_gemm_rule,
)

from dyncc.ir import Program
from dyncc.passes.base import Result
from dyncc.passes.onnx_edit import infer_shapes, remove_unused

LARGEST = 1 << 31
"""More elements than any weight: the optimizer's own limits are not ours."""


@dataclass(frozen=True, slots=True)
class FoldWeights:
    """Fold what depends on weights alone."""

    name: ClassVar[str] = "fold-weights"
    limit: int = 1024

    def run_onnx(self, program: Program[onnx_ir.Model]) -> Result[onnx_ir.Model]:
        notes: list[str] = []
        for name, model in program.graphs.items():
            before = len(model.graph)
            infer_shapes(model)
            self._fold(model)
            if len(model.graph) != before:
                notes.append(f"graph `{name}`: {before} → {len(model.graph)} operators")
        return Result(program, bool(notes), tuple(notes))

    def _fold(self, model: onnx_ir.Model) -> None:
        operators = {node.op_type for node in model.graph}
        if "BatchNormalization" in operators:
            rules = [
                fuse_batchnorm_into_conv_rule,
                fuse_batchnorm_into_conv_transpose_rule,
                fuse_batchnorm_into_gemm_rule,
            ]
            onnxscript.rewriter.RewritePass(rules)(model)
        origins: dict[str, str] = {str(name): str(name) for name in model.graph.initializers}

        def should_fold(node: onnx_ir.Node) -> bool | None:
            sources = [origins[str(v.name)] for v in node.inputs if v is not None and v.name in origins]
            for value in node.outputs:
                origins[str(value.name)] = (
                    f"{sources[0] if sources else node.op_type}.{node.op_type.lower()}"
                )
            return self._should_fold(node)

        onnxscript.optimizer.fold_constants(
            model, input_size_limit=LARGEST, output_size_limit=LARGEST, should_fold=should_fold
        )
        remove_unused(model)
        _rename(model.graph, origins)

    def _should_fold(self, node: onnx_ir.Node) -> bool | None:
        """False where the result would be larger than what it is made from; None leaves it to the rest."""
        if len(node.outputs) != 1:
            return False  # the optimizer does not fold it, and logs that
        values = [value.const_value for value in node.inputs if value is not None]
        if any(value is None for value in values) or not values:
            return None
        given = sum(value.nbytes for value in values if value is not None)
        made = sum(_nbytes(value) for value in node.outputs)
        return None if made <= max(given, self.limit) else False


def _rename(graph: onnx_ir.Graph, origins: Mapping[str, str]) -> None:
    """Name what was folded after what it comes from."""
    for name, value in list(graph.initializers.items()):
        wanted = origins.get(name, name)
        if wanted == name or value.is_graph_output():
            continue
        candidate, number = wanted, 1
        while candidate in graph.initializers:
            number += 1
            candidate = f"{wanted}_{number}"
        del graph.initializers[name]
        value.name = candidate
        graph.register_initializer(value)


def _nbytes(value: onnx_ir.Value) -> int:
    """Bytes of a result; a size that is not known counts as none, and such a constant is small."""
    if value.shape is None or value.dtype is None:
        return 0
    count = 1
    for size in value.shape:
        count *= size if isinstance(size, int) else 1
    return int(count * value.dtype.itemsize)

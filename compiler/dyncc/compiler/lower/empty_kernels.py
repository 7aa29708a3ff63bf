"""Convolutions with a kernel of no elements: PyTorch raises, ONNX Runtime does not return."""

from __future__ import annotations

import torch
from torch import fx

from dyncc.compiler.lower.assertions import Axis, held

_CONVOLUTIONS = [f"aten::conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)]


def refuse_empty_kernels(graph: fx.Graph) -> None:
    """Let kernels be checked before they are used, in an exported program before decompositions.

    What a call needs of sizes else is checked where its results leave the block (``small_sizes``).
    """
    for node in list(graph.nodes):
        target = node.target
        if not isinstance(target, torch._ops.OpOverload) or target._schema.name not in _CONVOLUTIONS:
            continue
        kernel = node.args[1]
        for axis, size in enumerate(kernel.meta["val"].shape):
            if axis >= 2 and isinstance(size, torch.SymInt):
                with graph.inserting_before(node):
                    kernel = held(graph, kernel, [(0, "lt", Axis(kernel, axis))])
        node.update_arg(1, kernel)

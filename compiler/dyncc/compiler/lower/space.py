"""Convolutions, poolings and interpolations of nothing: PyTorch raises, an engine may not even return."""

from __future__ import annotations

import torch
from torch import fx
from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

from dyncc.compiler.lower.assertions import Axis, held

_DIMS = (1, 2, 3)
_OPERANDS = {
    **{f"conv{n}d": (0, 1) for n in _DIMS},
    **{f"conv_transpose{n}d": (0, 1) for n in _DIMS},
    **{f"{kind}_pool{n}d": (0,) for kind in ("max", "avg", "adaptive_max", "adaptive_avg") for n in _DIMS},
    **{f"upsample_nearest{n}d": (0,) for n in _DIMS},
    **dict.fromkeys(("upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d"), (0,)),
}
"""ATen operator → its operands whose axes from the third on must not be empty."""


def refuse_no_space(graph: fx.Graph) -> None:
    """Let those operands be checked whose sizes data decide, in an exported program before decompositions.

    What a convolution or pooling is given is checked only where its size is computed here.
    """
    for node in list(graph.nodes):
        if not isinstance(node.target, torch._ops.OpOverload) or node.target.namespace != "aten":
            continue
        name = node.target._schema.name.removeprefix("aten::")
        for position in _OPERANDS.get(name, ()):
            operand = node.args[position]
            computed = position == 0 and not name.startswith("upsample")
            for axis, size in enumerate(operand.meta["val"].shape):
                unknown = free_unbacked_symbols(size) if computed else isinstance(size, torch.SymInt)
                if axis >= 2 and unknown:
                    with graph.inserting_before(node):
                        operand = held(graph, operand, [(0, "lt", Axis(operand, axis))])
            node.update_arg(position, operand)

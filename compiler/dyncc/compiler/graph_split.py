"""Splitting a recorded graph: what depends on some inputs alone, and the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from torch import fx

from dyncc.compiler.graph_names import last_name
from dyncc.runtime.program import TensorType

HEAVY = frozenset(
    "linear matmul mm bmm addmm baddbmm conv1d conv2d conv3d conv_transpose2d bilinear einsum".split()
)
"""Worth a call and a value that is carried along."""
TOTAL = HEAVY | frozenset(
    "add sub mul neg abs exp sqrt rsqrt square relu gelu silu elu tanh sigmoid softmax log_softmax sin cos "
    "erf leaky_relu softplus layer_norm group_norm rms_norm normalize permute transpose t reshape view "
    "flatten unsqueeze squeeze contiguous clone detach cat mean sum float matrix_transpose swapaxes "
    "where maximum minimum clamp lt le gt ge eq ne logical_and logical_or logical_not".split()
)
"""Fail for no data and are the same each time, so they may run where the original would not run them."""


def is_total(node: fx.Node) -> bool:
    """Whether a recorded call may run earlier than it would, or in vain."""
    name = last_name(node.target)
    name = name.strip("_") if name.startswith("__") else name
    return node.op == "call_function" and name in TOTAL and not node.kwargs.get("inplace")


def is_heavy(node: fx.Node) -> bool:
    """Whether a recorded call is more work than its result has elements."""
    return last_name(node.target).strip("_") in HEAVY


def invariant_results(
    nodes: Iterable[fx.Node], heads: Collection[fx.Node], returned: Collection[fx.Node]
) -> list[fx.Node]:
    """The results that depend on ``heads`` (and weights) alone, took work, and are used elsewhere."""
    weights: set[fx.Node] = set()
    known, heavy = set(heads), set[fx.Node]()
    for node in nodes:
        if node.op == "get_attr":
            weights.add(node)
        elif is_total(node) and _is_static(node) and node not in returned:
            inputs = set(node.all_input_nodes)
            if inputs & known and inputs <= known | weights:
                known.add(node)
                if is_heavy(node) or inputs & heavy:
                    heavy.add(node)
    return [node for node in heavy if any(user not in known for user in node.users)]


def _is_static(node: fx.Node) -> bool:
    type_ = node.meta.get("type")
    return isinstance(type_, TensorType) and all(isinstance(size, int) for size in type_.shape)

"""Splitting recorded graphs: what depends on some inputs alone, what several have in common; the rest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence

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
    "where maximum minimum clamp lt le gt ge eq ne logical_and logical_or logical_not "
    "div divide true_divide truediv rdiv rtruediv reciprocal rsub var std".split()
)
"""Fail for no data and are the same each time, so they may run where the original would not run them.
(Division with a ``rounding_mode`` does fail, for integers.)"""


def is_total(node: fx.Node) -> bool:
    """Whether a recorded call may run earlier than it would, or in vain."""
    name = last_name(node.target)
    name = name.strip("_") if name.startswith("__") else name
    modes = (node.kwargs.get("inplace"), node.kwargs.get("rounding_mode"))
    return node.op == "call_function" and name in TOTAL and not any(modes)


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


def may_share(graphs: Sequence[fx.Graph]) -> bool:
    """Whether there may be a heavy call that all graphs make: on a weight that all have, or on none."""
    weights = [{node.target for node in graph.nodes if node.op == "get_attr"} for graph in graphs]
    if set[object]().union(*weights) and set.intersection(*weights):
        return True
    return all(
        any(is_heavy(node) and not any(i.op == "get_attr" for i in node.all_input_nodes) for node in calls)
        for calls in ([node for node in graph.nodes if node.op == "call_function"] for graph in graphs)
    )


Number = Callable[[fx.Node, Mapping[fx.Node, str]], str]
"""The text of a node, over those of its inputs: what has equal texts has equal values."""


def value_numbers(graph: fx.Graph, sources: Sequence[Hashable], number: Number) -> dict[fx.Node, str]:
    """The value numbers of inputs, weights, and of what total calls of static shape make of them (Click,
    *Global code motion, global value numbering*, PLDI 1995)."""
    found: dict[fx.Node, str] = {}
    remaining = iter(sources)
    for node in graph.nodes:
        if node.op == "placeholder":
            found[node] = f"input {next(remaining)!r}"
        elif node.op == "get_attr":
            found[node] = f"weight {node.target!r}"
        elif is_total(node) and _is_static(node) and all(each in found for each in node.all_input_nodes):
            found[node] = number(node, found)
    return found


def common_results(
    graphs: Sequence[fx.Graph],
    numbers: Sequence[Mapping[fx.Node, str]],
    returned: Sequence[Collection[fx.Node]],
) -> list[str]:
    """The value numbers of results that all graphs have, that took work, and that one uses elsewhere."""
    shared = set.intersection(
        *({known[node] for node in known if node.op == "call_function"} for known in numbers)
    )
    heavy: dict[str, None] = {}
    for node, number in numbers[0].items():
        if number in shared and (
            is_heavy(node) or any(numbers[0].get(each) in heavy for each in node.all_input_nodes)
        ):
            heavy[number] = None
    for known, results in zip(numbers, returned, strict=True):
        for node in results:
            heavy.pop(known.get(node, ""), None)
    return [
        number
        for number in heavy
        if any(
            user not in known or known[user] not in heavy
            for known in numbers
            for node, own in known.items()
            if own == number
            for user in node.users
        )
    ]

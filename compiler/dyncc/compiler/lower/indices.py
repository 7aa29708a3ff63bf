"""Guards on indices: what PyTorch refuses, the engine has to refuse too.

``nn.Embedding``, ``gather``, ``scatter`` and their like raise for an index below zero; ONNX's operators
count it from the end. An index whose sign is not known loses its sign bit, which leaves one that is not
negative as it is and makes any other too large: the engine then refuses it as what is past the end.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

aten = torch.ops.aten

_INDEX = {
    "embedding": 1,
    "embedding_bag": 1,
    "index_select": 2,
    "gather": 2,
    "scatter": 2,
    "scatter_": 2,
    "scatter_add": 2,
    "scatter_add_": 2,
    "scatter_reduce": 2,
    "scatter_reduce_": 2,
    "index_add": 2,
    "index_add_": 2,
    "index_copy": 2,
    "index_copy_": 2,
    "index_reduce": 2,
    "index_reduce_": 2,
}
"""ATen operator → position of the index that may not be negative. (``x[index]`` and ``take`` allow it.)"""
_TARGETS = {"nll_loss": 4, "nll_loss_nd": 4, "nll_loss2d": 4, "cross_entropy_loss": 4}
"""Losses, whose second argument is an index unless it is ``ignore_index``, at this position."""
_IGNORED = -100


def guard_indices(graph: fx.Graph) -> None:
    """Let every index of an exported program (before decompositions) that may be negative be too large."""
    for node in list(graph.nodes):
        name = _name(node)
        if (position := _INDEX.get(name)) is not None:
            _guard(graph, node, position, ignored=None)
        elif (position := _TARGETS.get(name)) is not None:
            ignored = node.args[position] if len(node.args) > position else _IGNORED
            _guard(graph, node, 1, ignored=ignored)


def _guard(graph: fx.Graph, node: fx.Node, position: int, ignored: Any) -> None:
    if len(node.args) <= position or not isinstance(index := node.args[position], fx.Node):
        return
    dtype = _dtype(index)
    if dtype not in (torch.int32, torch.int64) or is_natural(index):
        return
    with graph.inserting_before(node):
        guarded = _call(graph, node, aten.bitwise_and.Scalar, index, torch.iinfo(dtype).max)
        if isinstance(ignored, int) and ignored < 0:
            kept = _call(graph, node, aten.eq.Scalar, index, ignored)
            guarded = _call(graph, node, aten.where.self, kept, index, guarded)
    node.update_arg(position, guarded)


def _call(graph: fx.Graph, owner: fx.Node, target: Any, *args: Any) -> fx.Node:
    node = graph.call_function(target, args)
    node.meta.update(owner.meta)
    values = [arg.meta["val"] if isinstance(arg, fx.Node) else arg for arg in args]
    mode = next(value.fake_mode for value in values if isinstance(value, torch._subclasses.FakeTensor))
    with mode:
        node.meta["val"] = target(*values)
    return node


def _name(node: fx.Node) -> str:
    target = node.target
    if not isinstance(target, torch._ops.OpOverload) or target.namespace != "aten":
        return ""
    return target._schema.name.removeprefix("aten::")


def _dtype(node: fx.Node) -> torch.dtype | None:
    value = node.meta.get("val")
    return value.dtype if isinstance(value, torch.Tensor) else None


# ------------------------------------------------------------------------------------- known signs

_NATURAL = frozenset("argmax argmin argsort nonzero abs relu multinomial bincount searchsorted".split())
"""Operators whose result is never negative."""
_PLACES = frozenset("topk sort max min kthvalue mode median cummax cummin".split())
"""Operators whose second result tells places."""
_KEEPS = {
    **dict.fromkeys(
        "view reshape unsqueeze squeeze expand flatten permute transpose t slice select clone detach "
        "contiguous alias _to_copy to repeat flip roll narrow unbind split chunk cumsum index_select "
        "gather cat stack".split(),
        1,
    ),
    **dict.fromkeys("add mul floor_divide maximum bitwise_and".split(), 2),
}
"""Operator → how many of its first arguments must not be negative for the result not to be."""
_DEEP = 12
"""How far back the sign of an index is looked for."""


def is_natural(value: Any, depth: int = _DEEP) -> bool:
    """Whether a number or tensor of an exported program is known not to be negative."""
    if isinstance(value, int | float):
        return value >= 0
    if isinstance(value, list | tuple):
        return all(is_natural(item, depth) for item in value)
    if not isinstance(value, fx.Node) or depth == 0:
        return False
    if value.target is operator.getitem:
        source, number = value.args
        assert isinstance(source, fx.Node)
        return (_name(source) in _PLACES and number == 1) or is_natural(source, depth - 1)
    name = _name(value)
    if name in _NATURAL or _dtype(value) in (torch.bool, torch.uint8):
        return True
    if name == "arange":
        return _counts_up(value)
    if name == "clamp":
        return len(value.args) > 1 and is_natural(value.args[1])
    count = _KEEPS.get(name, 0)
    known = count > 0 and "alpha" not in value.kwargs
    return known and all(is_natural(item, depth - 1) for item in value.args[:count])


def _counts_up(node: fx.Node) -> bool:
    """Whether an ``arange`` starts at zero or above and does not step down."""
    start, step = {1: (0, 1), 2: (node.args[0], 1)}.get(len(node.args), (node.args[0], node.args[-1]))
    return is_natural(start) and is_natural(step)

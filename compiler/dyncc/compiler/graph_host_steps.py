"""Instructions of the host as recorded graphs: what they do with numbers, done with 0-d tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import fx

from dyncc.ir import ScalarType, TensorType, Type

_DTYPES = {"bool": "bool", "int": "int64", "float": "float64"}
_COMPARISONS = {name: getattr(torch, name) for name in ("lt", "le", "gt", "ge", "eq", "ne")}
_LOGIC = {"and_": torch.logical_and, "or_": torch.logical_or, "not": torch.logical_not}


def host_step(op: str, operands: Sequence[Type]) -> tuple[fx.Graph, TensorType] | None:
    """A graph that does what the host instruction ``op`` does with operands of these types.

    ``item`` gives the number in the dtype that the host's number has (float64, int64, bool); comparisons
    are of two of one kind, exact as the host's are; logic is of flags. Every other instruction has none: a
    sum of ints, for one, has no bound in the host.
    """
    if op == "item":
        (tensor,) = operands
        return _item(tensor) if isinstance(tensor, TensorType) else None
    kinds = [_number(operand) for operand in operands]
    if op in _COMPARISONS and kinds[0] is not None and kinds[0] == kinds[1]:
        return _call(_COMPARISONS[op], operands)
    if op in _LOGIC and set(kinds) == {"bool"}:
        return _call(_LOGIC[op], operands)
    return None


def choice(type_: TensorType) -> fx.Graph:
    """The graph of ``pred, a, b`` that gives ``a`` where ``pred``, a 0-d tensor, is true, or ``b``."""
    return _call(torch.where, (TensorType("bool", ()), type_, type_), type_)[0]


def _number(type_: Type) -> str | None:
    """The dtype of a number, or of a tensor that stands for one."""
    match type_:
        case ScalarType(kind):
            return _DTYPES.get(kind)
        case TensorType(dtype, ()) if dtype in _DTYPES.values():
            return dtype
        case _:
            return None


def _item(tensor: TensorType) -> tuple[fx.Graph, TensorType] | None:
    if any(size != 1 for size in tensor.shape) or tensor.dtype.startswith(("uint", "complex")):
        return None
    kind = "int64" if tensor.dtype.startswith("int") else "bool" if tensor.dtype == "bool" else "float64"
    result = TensorType(kind, ())
    graph = fx.Graph()
    value = _head(graph, "t", tensor)
    if tensor.shape:
        value = _node(graph, torch.Tensor.reshape, (value, ()), TensorType(tensor.dtype, ()))
    if tensor.dtype != kind:
        value = _node(graph, torch.Tensor.to, (value, getattr(torch, kind)), result)
    elif not tensor.shape:
        value = _node(graph, torch.Tensor.clone, (value,), result)
    graph.output((value,))
    return graph, result


def _call(
    function: Callable[..., torch.Tensor], types: Sequence[Type], result: TensorType | None = None
) -> tuple[fx.Graph, TensorType]:
    graph = fx.Graph()
    heads = [_head(graph, "abc"[index], type_) for index, type_ in enumerate(types)]
    made = result or TensorType("bool", ())
    graph.output((_node(graph, function, tuple(heads), made),))
    return graph, made


def _head(graph: fx.Graph, name: str, type_: Type) -> fx.Node:
    node = graph.placeholder(name)
    node.meta["type"] = type_
    return node


def _node(graph: fx.Graph, function: Callable[..., object], args: tuple[Any, ...], type_: Type) -> fx.Node:
    node = graph.call_function(function, args)
    node.meta["type"] = type_
    return node

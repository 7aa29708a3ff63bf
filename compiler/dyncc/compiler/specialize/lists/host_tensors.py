"""Tensors that the host makes before the graph runs: an element, a stack, a tensor of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.recording.tensor_types import TensorSpec, dtype_name, storage_key
from dyncc.compiler.specialize.values import (
    DynamicList,
    SymTensor,
    decide,
)
from dyncc.compiler.specialize.values.decisions import Cut
from dyncc.runtime.program import Const, HostOp, Ref, ScalarType, TensorType, Value

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def joined(recorder: Recorder, items: DynamicList, op: str, axis: int) -> Any:
    """``torch.stack`` or ``torch.cat`` of a dynamic list: a host operation before the graph."""
    block = recorder.block
    if items.tail or items.base is None or not block.make_pre(items.base):
        raise Cut
    element: TensorType = items.element.type
    shape = list(element.shape)
    rank = len(shape) + (1 if op == "stack" else 0)
    axis = axis % rank if rank else 0
    symbol = block.length_size(items) if op == "stack" else recorder.facts_symbol()
    if op == "stack":
        shape.insert(axis, symbol)
    else:
        shape[axis] = symbol
    return pre_tensor(recorder, op, (items.base, axis), TensorType(element.dtype, tuple(shape)))


def pre_tensor(recorder: Recorder, op: str, operands: tuple[Any, ...], type_: TensorType) -> SymTensor:
    """A tensor that the host makes before the graph runs."""
    block = recorder.block
    name = block.unique(op)
    value = Value(name, type_)
    args = tuple(o if not isinstance(o, (int, str)) else Const(o) for o in operands)
    block.pre.append(HostOp(op, args, value, block.span))
    for size in type_.shape:
        if isinstance(size, str):
            block.hints.setdefault(size, recorder.fresh_hint())
    fake = block.fake(TensorSpec(getattr(torch, type_.dtype), type_.shape))
    node = block.placeholder(name, type_, Ref(name))
    block.placeholder_storage[storage_key(fake)] = node
    return SymTensor.make(fake, node, op)


DTYPES: dict[str, Callable[[], torch.dtype]] = {
    "bool": lambda: torch.bool,
    "int": lambda: torch.int64,
    "float": torch.get_default_dtype,
}
"""What tensors are made of numbers."""


def tensor_of_list(recorder: Recorder, items: DynamicList, dtype: torch.dtype | None) -> Any:
    element = items.element.type
    if not isinstance(element, ScalarType):
        decide(items, "the elements of a list that grows at run time")
    if items.tail or items.base is None or not recorder.block.make_pre(items.base):
        raise Cut
    target = dtype or DTYPES[element.kind]()
    type_ = TensorType(dtype_name(target), (recorder.block.length_size(items),))
    return pre_tensor(recorder, "tensor_of_numbers", (items.base, dtype_name(target)), type_)

"""Tensors made of numbers, of nested lists, and of lists of dynamic length."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from dyncc.compiler.specialize.lists.host_tensors import joined, tensor_of_list
from dyncc.compiler.specialize.recording.cells import fake_of
from dyncc.compiler.specialize.recording.handlers.reads import read_item
from dyncc.compiler.specialize.recording.handlers.registry import FUNCTIONS, METHODS
from dyncc.compiler.specialize.values import (
    DynamicList,
    SymTensor,
    decide,
    is_scalar,
    kind_of,
)
from dyncc.runtime.program import TensorType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.handlers.registry import Handler
    from dyncc.compiler.specialize.recording.recorder import Recorder


def _tensor(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``torch.tensor`` and ``as_tensor`` of numbers and tensors of the program."""
    data = args[0] if args else kwargs.get("data")
    dtype = kwargs.get("dtype", args[1] if len(args) > 1 else None)
    if isinstance(data, DynamicList):
        return tensor_of_list(recorder, data, dtype)
    if isinstance(data, torch.Tensor):
        result = data
        if dtype is not None:
            result = recorder.call(torch.Tensor.to, (data, dtype), {})
        return result if func is not torch.tensor else recorder.call(torch.Tensor.clone, (result,), {})
    leaves = list(_flat(data))
    if not any(is_scalar(leaf) or isinstance(leaf, torch.Tensor) for leaf in leaves):
        return NotImplemented
    kinds = {_leaf_kind(recorder, leaf) for leaf in leaves}
    if dtype is None:
        dtype = (
            torch.get_default_dtype() if "float" in kinds else torch.int64 if "int" in kinds else torch.bool
        )
    return _stack(recorder, data, dtype)


def _flat(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        for item in data:
            yield from _flat(item)
    else:
        yield data


def _leaf_kind(recorder: Recorder, leaf: Any) -> str | None:
    if isinstance(leaf, torch.Tensor):
        dtype = fake_of(recorder, leaf).dtype
        return "bool" if dtype is torch.bool else "float" if dtype.is_floating_point else "int"
    return kind_of(leaf)


def _stack(recorder: Recorder, data: Any, dtype: torch.dtype) -> Any:
    if isinstance(data, (list, tuple)):
        return recorder.call(torch.stack, ([_stack(recorder, item, dtype) for item in data],), {})
    if is_scalar(data):
        node, fake = recorder.block.numbers.tensor(data.expr)
        data = SymTensor.make(fake, node)
    if isinstance(data, torch.Tensor):
        return recorder.call(torch.Tensor.to, (data, dtype), {"copy": True})
    return recorder.call(torch.scalar_tensor, (data,), {"dtype": dtype})


def _full(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``full``, ``full_like``, ``new_full`` with a value known only at run time."""
    position = 1 if func in (torch.full, torch.full_like) else 2
    value = args[position] if len(args) > position else kwargs.get("fill_value")
    if isinstance(value, torch.Tensor):
        value = read_item(recorder, torch.Tensor.item, (value,), {})
    if not is_scalar(value):
        return NotImplemented
    kwargs = {k: v for k, v in kwargs.items() if k != "fill_value"}
    if func is torch.full and kwargs.get("dtype") is None:
        dtypes = {"int": torch.int64, "bool": torch.bool, "float": torch.get_default_dtype()}
        kwargs["dtype"] = dtypes[value.kind]
    result = recorder.record(func, (*args[:position], 0, *args[position + 1 :]), kwargs)
    return recorder.call(torch.Tensor.fill_, (result, value), {})


FUNCTIONS.update({torch.tensor: _tensor, torch.as_tensor: _tensor, torch.asarray: _tensor})

FUNCTIONS.update({torch.full: _full, torch.full_like: _full})

METHODS["new_full"] = _full


def _new_tensor(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    dtype = kwargs.get("dtype") or fake_of(recorder, args[0]).dtype
    return recorder.call(torch.tensor, (args[1],), {"dtype": dtype})


METHODS["new_tensor"] = _new_tensor


def _deepcopy(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor = args[0]
    if not isinstance(tensor, SymTensor) and recorder.cell_of(tensor) is None:
        return copy.deepcopy(tensor)
    return recorder.call(torch.Tensor.clone, (tensor,), {})


METHODS["__deepcopy__"] = _deepcopy


def _join_handler(op: str) -> Handler:
    def handler(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        items = args[0] if args else kwargs.get("tensors")
        if not isinstance(items, DynamicList):
            return NotImplemented
        if not isinstance(items.element.type, TensorType):
            decide(items, "the elements of a list that grows at run time")
        axis = args[1] if len(args) > 1 else kwargs.get("dim", 0)
        return joined(recorder, items, op, axis)

    return handler


for _function, _op in {
    torch.stack: "stack", torch.cat: "cat", torch.concat: "cat", torch.concatenate: "cat",
}.items():  # fmt: skip
    FUNCTIONS[_function] = _join_handler(_op)


def _one_hot(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """With a number of classes that is known only at run time; a class beyond it is looked up in vain."""
    count = args[1] if len(args) > 1 else kwargs.get("num_classes")
    if not is_scalar(count):
        return NotImplemented
    call, tensor = recorder.call, args[0] if args else kwargs["tensor"]
    classes = call(torch.arange, (count,), {})
    found = call(torch.index_select, (classes, 0, call(torch.Tensor.reshape, (tensor, -1), {})), {})
    found = call(torch.Tensor.view_as, (found, tensor), {})
    hit = call(torch.eq, (call(torch.unsqueeze, (found, -1), {}), classes), {})
    return call(torch.Tensor.to, (hit, torch.int64), {})


FUNCTIONS[F.one_hot] = _one_hot

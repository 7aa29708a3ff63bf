"""Tensors made of numbers, of nested lists, and of lists of dynamic length."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from dyncc.compiler.specialize.lists.host_tensors import DTYPES, joined, tensor_of_list
from dyncc.compiler.specialize.recording.cells import fake_of
from dyncc.compiler.specialize.recording.handlers.metadata import SizeTuple
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
    if dtype is None:
        dtype = functools.reduce(torch.promote_types, [_leaf_dtype(recorder, leaf) for leaf in leaves])
    return _stack(recorder, data, dtype)


def _flat(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        for item in data:
            yield from _flat(item)
    else:
        yield data


def _leaf_dtype(recorder: Recorder, leaf: Any) -> torch.dtype:
    """What a number or tensor in a list contributes to the dtype (``infer_scalar_type`` of PyTorch)."""
    if isinstance(leaf, torch.Tensor):
        return fake_of(recorder, leaf).dtype
    return DTYPES[kind_of(leaf) or "float"]()


def _stack(recorder: Recorder, data: Any, dtype: torch.dtype) -> Any:
    if isinstance(data, (list, tuple)):
        return recorder.call(torch.stack, ([_stack(recorder, item, dtype) for item in data],), {})
    if is_scalar(data):
        node, fake = recorder.block.numbers.tensor(data.expr)
        data = SymTensor.make(fake, node)
    if isinstance(data, torch.Tensor):
        return recorder.call(torch.Tensor.to, (_one_number(recorder, data), dtype), {"copy": True})
    return recorder.call(torch.scalar_tensor, (data,), {"dtype": dtype})


def _one_number(recorder: Recorder, tensor: torch.Tensor) -> Any:
    """A tensor in a list, which stands for one number; raises as eager where it has more."""
    fake = fake_of(recorder, tensor)
    if not fake.dim():
        return tensor
    if not all(isinstance(size, int) for size in fake.shape):
        decide(tensor, "whether a tensor in a list is one number")
    if fake.numel() != 1:
        error = ValueError if fake.dtype.is_floating_point else TypeError
        raise error("only one element tensors can be converted to Python scalars")
    return recorder.call(torch.Tensor.reshape, (tensor, ()), {})


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
        kwargs["dtype"] = DTYPES[value.kind]()
    result = recorder.record(func, (*args[:position], 0, *args[position + 1 :]), kwargs)
    return recorder.call(torch.Tensor.fill_, (result, value), {})


def _empty(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Memory as it is found, which no two runs need find alike: zeros in a compiled program."""
    result = recorder.record(func, args, kwargs)
    return recorder.call(torch.Tensor.zero_, (result,), {})


FUNCTIONS.update(
    dict.fromkeys((torch.empty, torch.empty_like, torch.empty_strided, torch.empty_permuted), _empty)
)

METHODS.update(dict.fromkeys(("new_empty", "new_empty_strided"), _empty))


def _new(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``Tensor.new`` of sizes: numbers, or a tensor's shape. Of data, or of nothing, as it is recorded."""
    tensor, *given = args
    if kwargs or not given:
        return NotImplemented
    if len(given) == 1 and isinstance(given[0], (torch.Size, SizeTuple)):
        return recorder.call(torch.Tensor.new_empty, (tensor, tuple(given[0])), {})
    if all(is_scalar(size) or type(size) is int for size in given):
        return recorder.call(torch.Tensor.new_empty, (tensor, tuple(given)), {})
    return NotImplemented


METHODS["new"] = _new

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

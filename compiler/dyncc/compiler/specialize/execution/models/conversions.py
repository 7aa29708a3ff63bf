"""Conversions, lengths, ranges, types and attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution import calls
from dyncc.compiler.specialize.execution.frames import Push
from dyncc.compiler.specialize.execution.models.dynamic import holds_dynamic
from dyncc.compiler.specialize.execution.models.registry import model
from dyncc.compiler.specialize.execution.operators import conditions, subscripts, texts
from dyncc.compiler.specialize.execution.operators.reading import number_in
from dyncc.compiler.specialize.lists import operations
from dyncc.compiler.specialize.lists.copies import class_of, is_copy
from dyncc.compiler.specialize.lists.host_tensors import DTYPES
from dyncc.compiler.specialize.prelude.functions import LEGACY, legacy_dtype
from dyncc.compiler.specialize.values import (
    DynamicList,
    DynamicTag,
    DynamicText,
    SymTensor,
    is_scalar,
    kind_of,
    scalar_op,
)
from dyncc.runtime.program import TensorType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


@model(bool)
def _bool(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) != 1:
        return NotImplemented
    truth = conditions.truth(machine, args[0])
    if truth is None:
        return Push(prelude.truth_by, (conditions.python_truth(machine, args[0]), args[0]), {})
    return truth


@model(int)
def _int(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _number(machine, "int", args)


@model(float)
def _float(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _number(machine, "float", args)


def _number(machine: Machine, kind: str, args: tuple[Any, ...]) -> Any:
    if len(args) != 1:
        return NotImplemented
    value = args[0]
    if isinstance(value, torch.Tensor):
        value = number_in(machine, value, "number")
    if not is_scalar(value):
        return NotImplemented if value is args[0] else (int if kind == "int" else float)(value)
    return value if value.kind == kind else scalar_op(kind, value)


@model(len)
def _len(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    value = args[0] if args else None
    if isinstance(value, torch.Tensor):
        if machine.native(torch.Tensor.dim, value) == 0:
            return NotImplemented
        return machine.native(torch.Tensor.size, value, 0)
    if type(value) is prelude.RecordList:
        value = value.columns[0]
    if isinstance(value, DynamicList):
        return operations.length(machine, value)
    if isinstance(value, prelude.DynamicRange):
        return conditions.range_length(value)
    return NotImplemented


@model(range)
def _range(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    values = [number_in(machine, a, "index") if isinstance(a, torch.Tensor) else a for a in args]
    if not any(is_scalar(value) for value in values):
        return (
            range(*values) if any(a is not b for a, b in zip(args, values, strict=True)) else NotImplemented
        )
    if any(is_scalar(v) and v.kind == "float" for v in values):
        return NotImplemented
    start, stop, step = (0, values[0], 1) if len(values) == 1 else (*values, 1)[:3]
    if is_scalar(step):
        return Push(prelude.range_with_step, (start, stop, step), {})
    return prelude.DynamicRange(start, stop, step)


@model(str)
def _str(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) == 1 and not kwargs:
        dynamic = holds_dynamic(args[0]) or texts.message_of(args[0]) is not None
        return texts.formatted(machine, args[0], "s", "") if dynamic else NotImplemented
    return NotImplemented


@model(repr)
def _repr(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return texts.formatted(machine, args[0], "r", "") if holds_dynamic(args[0]) else NotImplemented


@model(prelude.keys.entry_of)
def _entry(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    table, position, place = args
    return subscripts.entry(machine, table, position, place) if is_scalar(position) else NotImplemented


@model(type)
def _type(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) != 1:
        return NotImplemented
    value = args[0]
    if is_scalar(value):
        return {"int": int, "float": float, "bool": bool}[value.kind]
    if isinstance(value, SymTensor):
        return torch.Tensor
    if isinstance(value, DynamicList):
        return list
    if isinstance(value, prelude.DynamicRange):
        return range
    if type(value) in (prelude.RecordList, prelude.KeyedDict, prelude.KeyedSet):
        return value.__class__
    if prelude.arrays.is_array(value):
        return prelude.arrays.class_of(value)
    if type(value) is DynamicTag:
        return type(value.table[0])
    return class_of(value) if is_copy(value) else NotImplemented


@model(isinstance)
def _isinstance(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if type(args[0]) is DynamicText:
        return machine.native(isinstance, "", args[1])
    if prelude.arrays.is_array(args[0]):
        return machine.native(issubclass, prelude.arrays.class_of(args[0]), args[1])
    return NotImplemented


@model(getattr)
def _getattr(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) >= 2 and type(args[1]) is str:
        getter = calls.attribute_getter(machine, args[0], args[1])
        if getter is not None:
            return Push(getter, (args[0],), {})
    if len(args) >= 2 and type(args[1]) is DynamicText:
        obj, name = args[:2]
        missing = (f"'{type(obj).__name__}' object has no attribute '", *name.parts, "'")
        error = AttributeError(DynamicText(missing)) if len(args) == 2 else None
        texts.choose_by_name(machine, name, dir(obj), error)
    return NotImplemented


def _legacy(cls: Any) -> None:
    """``torch.LongTensor([…])`` and ``torch.FloatTensor(2, 3)``: as what they are called today."""

    @model(cls)
    def make(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs or not args:
            return NotImplemented
        if all(kind_of(value) == "int" for value in args) or isinstance(args[0], torch.Size):
            return Push(torch.empty, args, {"dtype": legacy_dtype(cls)})
        listed = len(args) == 1 and isinstance(args[0], list | tuple) and len(args[0])
        return Push(torch.tensor, args, {"dtype": legacy_dtype(cls)}) if listed else NotImplemented


for _cls in (torch.Tensor, *LEGACY):
    _legacy(_cls)


@model(torch.autograd.Variable)
def _variable(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What was a class of its own until PyTorch 0.4 is another name of the tensor."""
    if args and isinstance(args[0], SymTensor):
        return machine.native(torch.Tensor.detach, args[0])
    return NotImplemented


@model(torch.equal)
def _equal(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) != 2 or kwargs or not all(isinstance(value, torch.Tensor) for value in args):
        return NotImplemented
    shapes = [machine.native(torch.Tensor.size, value) for value in args]
    if not any(is_scalar(size) for shape in shapes for size in shape):
        return NotImplemented
    return Push(prelude.equal_tensors, args, {})


@model(torch.tensor, torch.as_tensor)
def _tensor(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    items = args[0] if len(args) == 1 else None
    if not isinstance(items, DynamicList):
        return NotImplemented
    element, dtype = items.element.type, kwargs.get("dtype")
    if isinstance(element, TensorType) and all(size == 1 for size in element.shape):
        known = dtype or getattr(torch, element.dtype)
        return Push(prelude.tensor_of_tensors, (items, known, kwargs), {})
    if dtype is None and getattr(element, "kind", "") in ("int", "bool"):
        kwargs = {name: value for name, value in kwargs.items() if name != "dtype"}
        return Push(prelude.tensor_of_list, (torch.tensor, items, DTYPES[element.kind](), kwargs), {})
    return NotImplemented  # an empty one is of the same dtype

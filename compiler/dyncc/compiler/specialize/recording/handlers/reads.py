"""Reads of tensors' values: ``item``, ``tolist``, ``equal``; conversions that only native code can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.prelude.arrays import Array
from dyncc.compiler.specialize.recording.cells import fake_of, owner_of
from dyncc.compiler.specialize.recording.handlers.registry import FUNCTIONS, METHODS
from dyncc.compiler.specialize.values import (
    Scalar,
    SymTensor,
    decide,
    is_scalar,
    kind_of,
    scalar_op,
)
from dyncc.runtime.program import Const, ScalarType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def _constant_of(recorder: Recorder, tensor: Any) -> torch.Tensor | None:
    """The tensor's value where it is known at compile time."""
    if isinstance(tensor, SymTensor):
        return tensor.constant
    return None if recorder.cell_of(tensor) is not None or tensor.numel() > 1 << 20 else tensor


def read_item(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``item()``: a number, known only at run time unless the tensor is a constant."""
    constant = _constant_of(recorder, args[0])
    if constant is not None:
        value = constant.item()
        note_static_read(recorder, value)
        return value
    return read(recorder, owner_of(recorder, args[0]))


def note_static_read(recorder: Recorder, value: Any) -> None:
    """Keep the place of a read whose value is known: the checks compare reads one by one."""
    kind = kind_of(value)
    if kind is not None and not recorder.block.read_before():
        recorder.block.reads.append(value)
        recorder.block.host_op("static_read", [Const(value)], ScalarType(kind), "known")  # type: ignore[arg-type]


def read(recorder: Recorder, tensor: SymTensor) -> Scalar:
    fake = tensor.fake
    if isinstance(fake.numel(), int) and fake.numel() != 1:
        raise RuntimeError(f"a Tensor with {fake.numel()} elements cannot be converted to Scalar")
    if recorder.block.risks is not None:
        text = "a Tensor with {} elements cannot be converted to Scalar"
        recorder.block.risks.single(tensor, RuntimeError, text, text)
    if fake.dtype.is_complex:
        decide(tensor, "the value of a complex tensor")
    return recorder.block.read(tensor)


def _convert(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``bool``, ``int``, ``float``, ``index`` and the like: native code needs the real thing."""
    constant = _constant_of(recorder, args[0])
    if constant is not None:
        value = func(constant, *args[1:], **kwargs)
        if func.__name__ in ("__bool__", "__int__", "__float__", "__index__"):
            note_static_read(recorder, constant.item())
        return value
    decide(args[0], f"Tensor.{func.__name__}")


for _name in (
    "__bool__ __int__ __float__ __index__ __complex__ __array__ __format__ __repr__ __str__ "
    "__cuda_array_interface__ __dlpack__ __reduce_ex__ __contains__"
).split():
    METHODS[_name] = _convert

METHODS["item"] = read_item


def _as_array(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``tensor.numpy()``: an array on the same memory."""
    constant = _constant_of(recorder, args[0])
    if constant is not None:
        return func(constant, *args[1:], **kwargs)
    tensor = owner_of(recorder, args[0])
    if tensor.fake.dtype is torch.bfloat16:
        raise TypeError("Got unsupported ScalarType BFloat16")
    recorder.facts.read_as_arrays()
    return Array(tensor)


METHODS["numpy"] = _as_array


def _is_nonzero(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if func is torch.is_nonzero:  # a read of a bool, as `torch.equal` is; the method reads the number
        args = (recorder.call(torch.ne, (args[0], 0), {}),)
    return recorder_truth(read_item(recorder, func, args, kwargs))


def recorder_truth(value: Any) -> Any:
    """``bool`` of a number, static or not."""
    if not is_scalar(value):
        return bool(value)
    return value if value.kind == "bool" else scalar_op("bool", value)


def _equal(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    left, right = args[0], args[1]
    if fake_of(recorder, left).dim() != fake_of(recorder, right).dim():
        return False
    sizes = list(zip(fake_of(recorder, left).shape, fake_of(recorder, right).shape, strict=True))
    if any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in sizes):
        return False
    if not all(isinstance(a, int) and isinstance(b, int) for a, b in sizes):
        decide(left, "whether tensors of varying size are equal")
    same = recorder.call(torch.Tensor.all, (recorder.call(torch.eq, (left, right), {}),), {})
    return read_item(recorder, torch.Tensor.item, (same,), {})


def _allclose(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    same = recorder.call(torch.isclose, args, kwargs)
    same = recorder.call(torch.Tensor.all, (same,), {})
    return read_item(recorder, torch.Tensor.item, (same,), {})


for _name, _handler in {"is_nonzero": _is_nonzero, "equal": _equal, "allclose": _allclose}.items():
    METHODS[_name] = _handler
    FUNCTIONS[getattr(torch, _name)] = _handler


def _tolist(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    constant = _constant_of(recorder, args[0])
    if constant is not None:
        for value in constant.flatten().tolist():
            note_static_read(recorder, value)
        return constant.tolist()
    tensor = owner_of(recorder, args[0])
    shape = tensor.fake.shape
    if not all(isinstance(size, int) for size in shape):
        decide(tensor, "Tensor.tolist of a tensor of varying size")

    def nested(part: Any, rank: int) -> Any:
        if rank == 0:
            return read(recorder, part)
        parts = recorder.call(torch.unbind, (part,), {})
        return [nested(p, rank - 1) for p in parts]

    return nested(tensor, len(shape))


METHODS["tolist"] = _tolist

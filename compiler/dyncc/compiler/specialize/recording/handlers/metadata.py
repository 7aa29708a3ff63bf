"""Metadata of tensors: dtypes, layouts, sizes; known from the fake tensor, without a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.recording.cells import fake_of, owner_of
from dyncc.compiler.specialize.recording.handlers.registry import FUNCTIONS, METHODS, PROPERTIES, SETTERS
from dyncc.compiler.specialize.recording.tensor_types import storage_key
from dyncc.compiler.specialize.values import (
    SymTensor,
    decide,
    is_scalar,
)

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def _metadata(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    fake = fake_of(recorder, args[0])
    if _is_static(fake):  # then it does without a fake mode, which takes time to enter
        return func(fake, *args[1:], **kwargs)
    with recorder.faking():
        return func(fake, *args[1:], **kwargs)


def _is_static(fake: torch.Tensor) -> bool:
    return all(type(size) is int for size in fake.shape)


for _name in (
    "dtype device layout ndim is_leaf is_cuda is_cpu is_sparse is_quantized is_nested is_meta is_mps "
    "is_xpu "
    "itemsize names _version is_inference is_mkldnn is_sparse_csr is_vulkan is_ort is_maia is_mtia is_ipu "
    "is_xla output_nr retains_grad volatile"
).split():
    PROPERTIES[_name] = _metadata

for _name in (
    "dim ndimension is_floating_point is_complex element_size get_device is_contiguous is_signed "
    "is_inference has_names is_pinned is_conj is_neg dim_order is_shared"
).split():
    METHODS[_name] = _metadata

for _function in (torch.is_floating_point, torch.is_complex, torch.is_inference, torch.is_conj):
    FUNCTIONS[_function] = _metadata


def _requires_grad(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return False if isinstance(args[0], SymTensor) else bool(func(args[0]))


def _none(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return None


PROPERTIES["requires_grad"] = _requires_grad
PROPERTIES["grad"] = _none
PROPERTIES["grad_fn"] = _none
PROPERTIES["_base"] = _none


def _ignore_set(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return None


def _set_data(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    target, value = args
    return recorder.call(torch.Tensor.copy_, (target, value), {})


SETTERS.update({"requires_grad": _ignore_set, "grad": _ignore_set, "data": _set_data})


class SizeTuple(tuple):  # type: ignore[type-arg]
    """``torch.Size`` with sizes that are known only at run time."""

    __slots__ = ()

    def numel(self) -> Any:
        total: Any = 1
        for size in self:
            total = total * size
        return total


def _size(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor = args[0]
    fake = fake_of(recorder, tensor)
    axis = args[1] if len(args) > 1 else kwargs.get("dim")
    if axis is not None:
        if is_scalar(axis):
            decide(axis, "the axis of a size")
        rank = fake.dim()
        if not -max(rank, 1) <= axis < max(rank, 1) or rank == 0:
            return func(fake, axis)  # raises eager's own error
        return size_of(recorder, tensor, axis % rank)
    sizes = [size_of(recorder, tensor, i) for i in range(fake.dim())]
    return SizeTuple(sizes) if any(is_scalar(s) for s in sizes) else torch.Size(sizes)


def size_of(recorder: Recorder, tensor: Any, axis: int) -> Any:
    owner = owner_of(recorder, tensor)
    return recorder.size(owner, axis) if isinstance(owner, SymTensor) else owner.shape[axis]


def _numel(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    total: Any = 1
    for axis in range(fake_of(recorder, args[0]).dim()):
        total = total * size_of(recorder, args[0], axis)
    return total


def _len(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    fake = fake_of(recorder, args[0])
    if fake.dim() == 0:
        raise TypeError("len() of a 0-d tensor")
    size = size_of(recorder, args[0], 0)
    if is_scalar(size):
        decide(size, "the length of a tensor")
    return size


def _stride(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with recorder.faking():
        result = func(fake_of(recorder, args[0]), *args[1:], **kwargs)
    values = result if isinstance(result, tuple) else (result,)
    if not all(type(v) is int for v in values):
        decide(args[0], "the stride of a tensor")
    return result


PROPERTIES["shape"] = _size

METHODS.update({"size": _size, "numel": _numel, "nelement": _numel, "__len__": _len, "stride": _stride})

METHODS["storage_offset"] = _stride
FUNCTIONS[torch.numel] = _numel


class Address(bytes):
    """Where the memory of a tensor begins, to be compared with others; no number, which could be computed
    with or kept."""


def _data_ptr(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    recorder.ask_identity(args[0])
    fake = fake_of(recorder, args[0])
    offset = fake.storage_offset()
    if not isinstance(offset, int):
        decide(args[0], "where a view begins")
    return Address(f"{storage_key(fake)}+{offset * fake.element_size()}".encode())


METHODS["data_ptr"] = _data_ptr

"""PyTorch calls that are not simply recorded: metadata, reads of values, constructors, indexing.

A handler gets ``(recorder, func, args, kwargs)`` and returns what the program gets, or NotImplemented to
have the call recorded like any other.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import torch

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize import elements, indexing
from dyncc.compiler.specialize.values import (
    DynamicList,
    ListElement,
    Scalar,
    SymTensor,
    builder,
    decide,
    is_scalar,
    kind_of,
)
from dyncc.ir.printer import type_text
from dyncc.ir.subtyping import accepts
from dyncc.runtime.program import Const, ListType, ScalarType, TensorType

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recorder import Recorder

Handler = Callable[["Recorder", Any, tuple[Any, ...], dict[str, Any]], Any]

_PROPERTIES: dict[str, Handler] = {}
_METHODS: dict[str, Handler] = {}
_FUNCTIONS: dict[Any, Handler] = {}


def find(func: Any) -> Handler | None:
    """The handler of ``func``, or None."""
    name = getattr(func, "__name__", "")
    if name in ("__get__", "__set__", "__delete__"):
        owner = getattr(func, "__self__", None)
        return (_PROPERTIES if name == "__get__" else _SETTERS).get(
            getattr(owner, "__name__", ""), _recorded
        )
    found = _FUNCTIONS.get(func) if _hashable(func) else None
    if found is not None:
        return found
    if _is_tensor_method(func):
        return _METHODS.get(name)
    return None


def _hashable(func: Any) -> bool:
    try:
        hash(func)
    except TypeError:
        return False
    return True


def _is_tensor_method(func: Any) -> bool:
    owner = getattr(func, "__objclass__", None)
    return (
        owner is torch._C.TensorBase or getattr(torch.Tensor, getattr(func, "__name__", ""), None) is func
    )


def _recorded(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return NotImplemented


def _fake_of(recorder: Recorder, tensor: Any) -> torch.Tensor:
    if isinstance(tensor, SymTensor):
        return tensor.fake
    cell = recorder.cell_of(tensor)
    return cell.fake if cell is not None else tensor


def _owner(recorder: Recorder, tensor: Any) -> Any:
    cell = None if isinstance(tensor, SymTensor) else recorder.cell_of(tensor)
    return tensor if cell is None else cell


# ------------------------------------------------------------------------------------- metadata


def _metadata(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    fake = _fake_of(recorder, args[0])
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
    _PROPERTIES[_name] = _metadata
for _name in (
    "dim ndimension is_floating_point is_complex element_size get_device is_contiguous is_signed "
    "is_inference has_names is_pinned is_conj is_neg dim_order is_shared"
).split():
    _METHODS[_name] = _metadata
for _function in (torch.is_floating_point, torch.is_complex, torch.is_inference, torch.is_conj):
    _FUNCTIONS[_function] = _metadata


def _false(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return False if isinstance(args[0], SymTensor) else NotImplemented


def _requires_grad(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return False if isinstance(args[0], SymTensor) else bool(func(args[0]))


def _none(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return None


_PROPERTIES["requires_grad"] = _requires_grad
_PROPERTIES["grad"] = _none
_PROPERTIES["grad_fn"] = _none
_PROPERTIES["_base"] = _none


def _ignore_set(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return None


def _set_data(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    target, value = args
    return recorder.call(torch.Tensor.copy_, (target, value), {})


_SETTERS: dict[str, Handler] = {"requires_grad": _ignore_set, "grad": _ignore_set, "data": _set_data}


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
    fake = _fake_of(recorder, tensor)
    axis = args[1] if len(args) > 1 else kwargs.get("dim")
    if axis is not None:
        if is_scalar(axis):
            decide(axis, "the axis of a size")
        rank = fake.dim()
        if not -max(rank, 1) <= axis < max(rank, 1) or rank == 0:
            return func(fake, axis)  # raises eager's own error
        return _one_size(recorder, tensor, axis % rank)
    sizes = [_one_size(recorder, tensor, i) for i in range(fake.dim())]
    return SizeTuple(sizes) if any(is_scalar(s) for s in sizes) else torch.Size(sizes)


def _one_size(recorder: Recorder, tensor: Any, axis: int) -> Any:
    owner = _owner(recorder, tensor)
    return recorder.size(owner, axis) if isinstance(owner, SymTensor) else owner.shape[axis]


def _numel(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    total: Any = 1
    for axis in range(_fake_of(recorder, args[0]).dim()):
        total = total * _one_size(recorder, args[0], axis)
    return total


def _len(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    fake = _fake_of(recorder, args[0])
    if fake.dim() == 0:
        raise TypeError("len() of a 0-d tensor")
    size = _one_size(recorder, args[0], 0)
    if is_scalar(size):
        decide(size, "the length of a tensor")
    return size


def _stride(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with recorder.faking():
        result = func(_fake_of(recorder, args[0]), *args[1:], **kwargs)
    values = result if isinstance(result, tuple) else (result,)
    if not all(type(v) is int for v in values):
        decide(args[0], "the stride of a tensor")
    return result


_PROPERTIES["shape"] = _size
_METHODS.update({"size": _size, "numel": _numel, "nelement": _numel, "__len__": _len, "stride": _stride})
_METHODS["storage_offset"] = _stride
_FUNCTIONS[torch.numel] = _numel


# -------------------------------------------------------------------------------- reads of values


def _constant_of(recorder: Recorder, tensor: Any) -> torch.Tensor | None:
    """The tensor's value where it is known at compile time."""
    if isinstance(tensor, SymTensor):
        return tensor.constant
    return None if recorder.cell_of(tensor) is not None or tensor.numel() > 1 << 20 else tensor


def _read(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``item()``: a number, known only at run time unless the tensor is a constant."""
    constant = _constant_of(recorder, args[0])
    if constant is not None:
        value = constant.item()
        note_static_read(recorder, value)
        return value
    return read(recorder, _owner(recorder, args[0]))


def note_static_read(recorder: Recorder, value: Any) -> None:
    """Keep the place of a read whose value is known: the checks compare reads one by one."""
    kind = kind_of(value)
    if kind is not None:
        recorder.block.host_op("static_read", [Const(value)], ScalarType(kind), "known")  # type: ignore[arg-type]


def read(recorder: Recorder, tensor: SymTensor) -> Scalar:
    fake = tensor.fake
    if isinstance(fake.numel(), int) and fake.numel() != 1:
        raise RuntimeError(f"a Tensor with {fake.numel()} elements cannot be converted to Scalar")
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
    "__bool__ __int__ __float__ __index__ __complex__ numpy __array__ __format__ __repr__ __str__ "
    "__cuda_array_interface__ __dlpack__ data_ptr __reduce_ex__ __contains__"
).split():
    _METHODS[_name] = _convert
_METHODS["item"] = _read


def _is_nonzero(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if func is torch.is_nonzero:  # a read of a bool, as `torch.equal` is; the method reads the number
        args = (recorder.call(torch.ne, (args[0], 0), {}),)
    return recorder_truth(_read(recorder, func, args, kwargs))


def recorder_truth(value: Any) -> Any:
    """``bool`` of a number, static or not."""
    from dyncc.compiler.specialize.values import scalar_op

    if not is_scalar(value):
        return bool(value)
    return value if value.kind == "bool" else scalar_op("bool", value)


def _equal(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    left, right = args[0], args[1]
    if _fake_of(recorder, left).dim() != _fake_of(recorder, right).dim():
        return False
    sizes = list(zip(_fake_of(recorder, left).shape, _fake_of(recorder, right).shape, strict=True))
    if any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in sizes):
        return False
    if not all(isinstance(a, int) and isinstance(b, int) for a, b in sizes):
        decide(left, "whether tensors of varying size are equal")
    same = recorder.call(torch.Tensor.all, (recorder.call(torch.eq, (left, right), {}),), {})
    return _read(recorder, torch.Tensor.item, (same,), {})


def _allclose(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    same = recorder.call(torch.isclose, args, kwargs)
    same = recorder.call(torch.Tensor.all, (same,), {})
    return _read(recorder, torch.Tensor.item, (same,), {})


for _name, _handler in {"is_nonzero": _is_nonzero, "equal": _equal, "allclose": _allclose}.items():
    _METHODS[_name] = _handler
    _FUNCTIONS[getattr(torch, _name)] = _handler


def _tolist(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    constant = _constant_of(recorder, args[0])
    if constant is not None:
        for value in constant.flatten().tolist():
            note_static_read(recorder, value)
        return constant.tolist()
    tensor = _owner(recorder, args[0])
    shape = tensor.fake.shape
    if not all(isinstance(size, int) for size in shape):
        decide(tensor, "Tensor.tolist of a tensor of varying size")

    def nested(part: Any, rank: int) -> Any:
        if rank == 0:
            return read(recorder, part)
        parts = recorder.call(torch.unbind, (part,), {})
        return [nested(p, rank - 1) for p in parts]

    return nested(tensor, len(shape))


_METHODS["tolist"] = _tolist


# ------------------------------------------------------------------------------------ indexing


def _getitem(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor, index = _owner(recorder, args[0]), args[1]
    split = indexing.normalize(recorder, tensor, index)
    if split is None:
        return NotImplemented
    tensor, rest = split
    return recorder.record(func, (tensor, rest), {}) if rest else tensor


def _setitem(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor, index, value = _owner(recorder, args[0]), args[1], args[2]
    if is_scalar(value):
        value = indexing.weak_tensor(recorder, value, [tensor], [value])
    split = indexing.normalize(recorder, tensor, index)
    if split is None:
        recorder.record(func, (tensor, index, value), {})
        return None
    view, rest = split
    recorder.record(func, (view, rest if rest else Ellipsis, value), {})
    return None


_METHODS["__getitem__"] = _getitem
_METHODS["__setitem__"] = _setitem


# -------------------------------------------------------------------------------- constructors


def _tensor(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``torch.tensor`` and ``as_tensor`` of numbers and tensors of the program."""
    data = args[0] if args else kwargs.get("data")
    dtype = kwargs.get("dtype", args[1] if len(args) > 1 else None)
    if isinstance(data, DynamicList):
        return _tensor_of_list(recorder, data, dtype)
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
        dtype = _fake_of(recorder, leaf).dtype
        return "bool" if dtype is torch.bool else "float" if dtype.is_floating_point else "int"
    return kind_of(leaf)


def _stack(recorder: Recorder, data: Any, dtype: torch.dtype) -> Any:
    if isinstance(data, (list, tuple)):
        return recorder.call(torch.stack, ([_stack(recorder, item, dtype) for item in data],), {})
    if is_scalar(data):
        node, fake = recorder.block.scalar_tensor(data.expr)
        data = SymTensor.make(fake, node)
    if isinstance(data, torch.Tensor):
        return recorder.call(torch.Tensor.to, (data, dtype), {"copy": True})
    return recorder.call(torch.scalar_tensor, (data,), {"dtype": dtype})


def _full(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``full``, ``full_like``, ``new_full`` with a value known only at run time."""
    position = 1 if func in (torch.full, torch.full_like) else 2
    value = args[position] if len(args) > position else kwargs.get("fill_value")
    if isinstance(value, torch.Tensor):
        value = _read(recorder, torch.Tensor.item, (value,), {})
    if not is_scalar(value):
        return NotImplemented
    kwargs = {k: v for k, v in kwargs.items() if k != "fill_value"}
    if func is torch.full and kwargs.get("dtype") is None:
        dtypes = {"int": torch.int64, "bool": torch.bool, "float": torch.get_default_dtype()}
        kwargs["dtype"] = dtypes[value.kind]
    result = recorder.record(func, (*args[:position], 0, *args[position + 1 :]), kwargs)
    return recorder.call(torch.Tensor.fill_, (result, value), {})


_FUNCTIONS.update({torch.tensor: _tensor, torch.as_tensor: _tensor, torch.asarray: _tensor})
_FUNCTIONS.update({torch.full: _full, torch.full_like: _full})
_METHODS["new_full"] = _full


def _new_tensor(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    dtype = kwargs.get("dtype") or _fake_of(recorder, args[0]).dtype
    return recorder.call(torch.tensor, (args[1],), {"dtype": dtype})


_METHODS["new_tensor"] = _new_tensor


def _deepcopy(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor = args[0]
    if not isinstance(tensor, SymTensor) and recorder.cell_of(tensor) is None:
        return copy.deepcopy(tensor)
    return recorder.call(torch.Tensor.clone, (tensor,), {})


_METHODS["__deepcopy__"] = _deepcopy


# ------------------------------------------------------------------------------- dynamic lists


def check_element(recorder: Recorder, items: DynamicList, value: Any) -> None:
    """``value`` is about to become an element: refuse one whose type differs from the others'.

    A list that is an element must not change from here on, since it is kept as a copy.
    """
    check_writable(recorder, items)
    if isinstance(value, torch.Tensor):
        value = _owner(recorder, value)
    have = elements.common([value]) if elements.is_element(value) else None
    fits = isinstance(have, ListElement) and accepts(items.element.type, have.type)
    if not fits and not (type(value) is list and not value and isinstance(items.element.type, ListType)):
        is_known = isinstance(have, ListElement)
        note = f"the list has elements {type_text(items.element.type)}"
        refuse_element(
            recorder, items.origins, f"{note}, this is {type_text(have.type)}" if is_known else note
        )
    if isinstance(value, DynamicList):
        value.shared = True
        value.origins |= items.origins
    elif type(value) is list:
        recorder.block.stored.append((value, tuple(value), items.origins))


def check_writable(recorder: Recorder, items: DynamicList) -> None:
    if items.shared:
        refuse_changed(recorder, items.origins)


def refuse_changed(recorder: Recorder, origins: frozenset[Any]) -> NoReturn:
    """A list of which a list of run-time length holds a copy is changed, or may be."""
    why = Diagnostic(
        "DY112",
        "a list that is an element of a list of run-time length is changed",
        recorder.block.span,
        label="changed here",
        helps=("change a copy and put it back: `items[i] = [*items[i], value]`",),
    )
    recorder.facts.demand(origins, why)
    raise CompileError([why])


def record_parts(items: Any, value: Any) -> tuple[Any, ...]:
    """The parts of a tuple for the columns of a ``RecordList``."""
    try:
        return tuple(elements.taken_apart(items.element, value))
    except elements.Mismatch:
        recorder = builder().recorder
        refuse_element(recorder, frozenset().union(*(column.origins for column in items.columns)))


def refuse_element(recorder: Recorder, origins: frozenset[Any], note: str = "") -> NoReturn:
    why = Diagnostic(
        "DY111",
        "the elements of a list that grows at run time have different types",
        recorder.block.span,
        label="this element differs from those before it",
        notes=(note,) if note else (),
        helps=("keep one list for each kind of element",),
    )
    recorder.facts.demand(origins, why)
    raise CompileError([why])


def list_operand(recorder: Recorder, items: DynamicList) -> Any:
    """The whole list as a value of the block's host: its base with the tail appended."""
    block = recorder.block
    type_ = list_type(items.element)
    if items.base is None:
        items.base = block.host_op(
            "list", [element_operand(recorder, items, v) for v in items.tail], type_, "items"
        )
    else:
        for value in items.tail:
            items.base = block.host_op(
                "list_append",
                [items.base, element_operand(recorder, items, value)],
                type_,
                "items",
            )
    items.tail.clear()
    return items.base


def list_type(element: ListElement) -> Any:
    from dyncc.runtime.program import ListType

    return ListType(element.type)


def element_operand(recorder: Recorder, items: DynamicList, value: Any) -> Any:
    """``value`` as an element of ``items``: from here on neither may be changed unseen by the other."""
    block, origins = recorder.block, items.origins
    if isinstance(value, torch.Tensor):
        value = _owner(recorder, value)
        if not isinstance(value, SymTensor):
            value = recorder.call(torch.Tensor.clone, (value,), {})
        snapshot = block.snapshot(value)
        block.freeze(value.fake, origins)
        return block.tensor_operand(snapshot)
    if isinstance(value, DynamicList):
        return list_operand(recorder, value)
    if type(value) is list:
        assert isinstance(items.element.type, ListType)
        inner = DynamicList(ListElement(items.element.type.element), None, origins)
        inner.tail.extend(value)
        return list_operand(recorder, inner)
    return block.scalar_operand(value)


def joined(recorder: Recorder, items: DynamicList, op: str, axis: int) -> Any:
    """``torch.stack`` or ``torch.cat`` of a dynamic list: a host operation before the graph."""
    from dyncc.compiler.specialize.block import Cut

    block = recorder.block
    if items.tail or items.base is None or not block.make_pre(items.base):
        raise Cut
    element: TensorType = items.element.type
    shape = list(element.shape)
    rank = len(shape) + (1 if op == "stack" else 0)
    axis = axis % rank if rank else 0
    symbol = block.recorder.facts_symbol()
    if op == "stack":
        shape.insert(axis, symbol)
    else:
        shape[axis] = symbol
    return pre_tensor(recorder, op, (items.base, axis), TensorType(element.dtype, tuple(shape)))


def pre_tensor(recorder: Recorder, op: str, operands: tuple[Any, ...], type_: TensorType) -> SymTensor:
    """A tensor that the host makes before the graph runs."""
    from dyncc.compiler.specialize.block import TensorSpec
    from dyncc.runtime.program import Const, HostOp, Ref, Value

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
    from dyncc.compiler.specialize.block import storage_key

    block.placeholder_storage[storage_key(fake)] = node
    return SymTensor.make(fake, node, op)


def _tensor_of_list(recorder: Recorder, items: DynamicList, dtype: torch.dtype | None) -> Any:
    from dyncc.compiler.specialize.block import Cut, dtype_name

    element = items.element.type
    if not isinstance(element, ScalarType):
        decide(items, "the elements of a list that grows at run time")
    if items.tail or items.base is None or not recorder.block.make_pre(items.base):
        raise Cut
    default = {"int": torch.int64, "bool": torch.bool, "float": torch.get_default_dtype()}
    target = dtype or default[element.kind]
    type_ = TensorType(dtype_name(target), (recorder.facts_symbol(),))
    return pre_tensor(recorder, "tensor_of_numbers", (items.base, dtype_name(target)), type_)


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
    _FUNCTIONS[_function] = _join_handler(_op)


# -------------------------------------------------------------------------------------- refused


def _refuse(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    raise CompileError(
        [
            Diagnostic(
                "DY130",
                f"`{func.__name__}` has no meaning in a compiled program",
                recorder.block.span,
                label="called here",
                helps=("leave gradients and raw storage to the training code",),
            )
        ]
    )


for _name in (
    "backward register_hook retain_grad storage untyped_storage set_ resize_ resize_as_ share_memory_ "
    "pin_memory __setstate__ register_post_accumulate_grad_hook"
).split():
    _METHODS[_name] = _refuse


def _requires_grad_(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0]


_METHODS["requires_grad_"] = _requires_grad_


def _run_natively(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return func(*args, **kwargs)


for _function in (
    torch._C._set_grad_enabled, torch.get_default_dtype, torch.set_default_dtype, torch.is_tensor,
    torch.get_default_device,
):  # fmt: skip
    _FUNCTIONS[_function] = _run_natively

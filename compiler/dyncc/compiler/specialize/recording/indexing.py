"""Numbers as arguments of tensor operations: weak promotion, and numbers and 0-d tensors as indices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.values import Scalar, SymTensor, is_scalar
from dyncc.runtime.program import Const

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


_BINARY = set(
    "add sub mul div true_divide floor_divide remainder fmod pow rsub eq ne lt le gt ge greater less "
    "greater_equal less_equal not_equal multiply subtract divide maximum minimum where atan2 hypot "
    "logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor heaviside copysign "
    "__radd__ __rsub__ __rmul__ __rdiv__ __rtruediv__ __rfloordiv__ __rpow__ __rmod__ __eq__ __ne__ __lt__ "
    "__le__ __gt__ __ge__ __add__ __sub__ __mul__ __truediv__ __floordiv__ __mod__ __pow__ __and__ __or__ "
    "__xor__ __rand__ __ror__ __rxor__ __iadd__ __isub__ __imul__ __itruediv__ __ifloordiv__ __imod__ "
    "__ipow__ "
    "add_ sub_ mul_ div_ pow_ remainder_ floor_divide_ true_divide_ fmod_ eq_ ne_ lt_ le_ gt_ ge_ "
    "fill_ masked_fill masked_fill_ clamp clamp_ clip clip_ clamp_min clamp_max clamp_min_ clamp_max_ "
    "lerp lerp_ index_fill index_fill_ threshold xlogy ldexp float_power copy_".split()
)
_CLAMP = {"clamp", "clamp_", "clip", "clip_"}


def weak_numbers(
    recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Replace numbers of the program by 0-d tensors where an operation computes with them.

    A Python number is weakly typed: it takes the dtype of the tensors beside it, unless its kind is
    higher (a float among integers gives the default dtype). A 0-d tensor of just that dtype behaves so.
    Numbers elsewhere (sizes, indices) stay numbers.
    """
    name = getattr(func, "__name__", "")
    values = (*args, *kwargs.values())
    if name not in _BINARY or not any(is_scalar(value) for value in values):
        return args, kwargs
    tensors = [v for v in values if isinstance(v, torch.Tensor)]
    if name == "lerp" or name == "lerp_":
        tensors = tensors[:1]
    numbers = [v for v in values if is_scalar(v)]
    skip_first = name in ("index_fill", "index_fill_")

    def convert(position: int, value: Any) -> Any:
        if is_scalar(value) and not (skip_first and position == 1):
            return weak_tensor(recorder, value, tensors, numbers)
        if name in _CLAMP and position > 0 and isinstance(value, (int, float)):
            with_scalars = [t.fake if isinstance(t, SymTensor) else t for t in tensors]
            return recorder.call(torch.scalar_tensor, (value,), {"dtype": with_scalars[0].dtype})
        return value

    new_kwargs = {
        key: convert(1, value) if key not in ("alpha", "dim", "rounding_mode", "out") else value
        for key, value in kwargs.items()
    }
    return tuple(convert(i, value) for i, value in enumerate(args)), new_kwargs


def weak_tensor(recorder: Recorder, number: Scalar, tensors: list[Any], numbers: list[Any]) -> SymTensor:
    """``number`` as a 0-d tensor whose dtype leaves the result's dtype as it is for a Python number."""
    dtypes = [t.fake.dtype if isinstance(t, SymTensor) else t.dtype for t in tensors]
    floating = [d for d in dtypes if d.is_floating_point]
    if number.kind == "float":
        target = torch.float64 if torch.float64 in floating else torch.get_default_dtype()
        if floating and torch.float64 not in floating and torch.get_default_dtype() is torch.float64:
            target = torch.float32
    elif number.kind == "int":
        integral = [d for d in dtypes if not d.is_floating_point and d is not torch.bool]
        target = integral[0] if integral and not floating else torch.int64
        if floating:
            target = torch.int64
    else:
        target = torch.bool
    node, fake = recorder.block.numbers.tensor(number.expr)
    recorder.block.used_origins |= {o for o in number.origins if o != ("data",)}
    tensor = SymTensor.make(fake, node)
    if fake.dtype is target:
        return tensor
    return recorder.call(torch.Tensor.to, (tensor, target), {})


def is_index_number(value: Any) -> bool:
    """An int Scalar, or a 0-d integer tensor: as an index, both select one position."""
    if is_scalar(value):
        return value.kind == "int"
    if isinstance(value, SymTensor):
        return (
            value.fake.dim() == 0
            and not value.fake.dtype.is_floating_point
            and value.fake.dtype is not torch.bool
        )
    return False


def normalize(recorder: Recorder, tensor: Any, index: Any) -> tuple[Any, Any] | None:
    """Split ``tensor[index]`` into selections by numbers and the rest of the index.

    Returns (the tensor after the selections, the remaining index), or None where nothing is to be done.
    """
    items = list(index) if type(index) is tuple else [index]
    if not any(is_index_number(item) for item in items):
        return None
    rank = tensor.fake.dim() if isinstance(tensor, SymTensor) else tensor.dim()
    consumed = sum(_width(item) for item in items)
    expanded: list[Any] = []
    for item in items:
        if item is Ellipsis:
            expanded.extend([slice(None)] * (rank - consumed))
        else:
            expanded.append(item)
    rest: list[Any] = []
    axis = 0
    for item in expanded:
        if is_index_number(item):
            tensor = recorder.call(torch.select, (tensor, axis, as_number(recorder, item)), {})
            continue
        rest.append(item)
        axis += _width(item)
    return tensor, tuple(rest)


def as_number(recorder: Recorder, item: Any) -> Any:
    """A 0-d tensor index as a number of the graph (no read by the host: it stays inside)."""
    if is_scalar(item):
        return item
    if item.constant is not None:
        return int(item.constant)
    block = recorder.block
    expr = block._expr("item", (), "int", block_operand(), item)
    return Scalar("int", expr)


def block_operand() -> Any:
    return Const(0)  # never read: the number does not leave the graph


def _width(item: Any) -> int:
    """How many axes of the tensor an index item consumes."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    if isinstance(item, torch.Tensor):
        fake = item.fake if isinstance(item, SymTensor) else item
        if fake.dtype in (torch.bool, torch.uint8):
            return fake.dim()
    return 1

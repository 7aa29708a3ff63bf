"""Writes into memory that overlaps: PyTorch refuses some of them, which fake tensors do not notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
import torch

from dyncc.compiler.specialize.recording import guards
from dyncc.compiler.specialize.recording.nested import leaves_of, map_leaves
from dyncc.compiler.specialize.recording.tensor_types import storage_key

_LARGEST = 40_000_000
"""Bytes of memory that is made to see what PyTorch says."""


class DependsOnSizes(Exception):
    """Whether PyTorch refuses a write depends on sizes that are not known."""


def check_overlap(
    func: Callable[..., Any],
    args: Any,
    kwargs: Any,
    written: Sequence[torch.Tensor],
    allowed: guards.Allowed,
) -> None:
    """Raise what PyTorch raises where ``func`` writes into the fake tensors ``written``.

    The call is tried on real tensors that lie in memory as those do, for some of the sizes that are not
    known. Raises DependsOnSizes where the answers differ. Large memory is not tried.
    """
    tensors = [value for value in leaves_of((args, kwargs)) if isinstance(value, torch.Tensor)]
    if not any(_overlaps(one, tensors) for one in written):
        return
    numbers = [value for value in leaves_of((args, kwargs)) if isinstance(value, torch.SymInt)]
    bounds = [bound for tensor in tensors for bound in _layout(tensor)] + [n.node.expr for n in numbers]
    symbols = sorted({s for bound in bounds for s in sympy.sympify(bound).free_symbols}, key=str)
    answers = [_tried(func, args, kwargs, sizes) for sizes in guards.trials(symbols, allowed)]
    known = [answer for answer in answers if answer is not None]
    if "" in known and any(known):
        raise DependsOnSizes
    if known and known[0]:
        raise RuntimeError(known[0])


def _tried(func: Callable[..., Any], args: Any, kwargs: Any, sizes: dict[Any, int]) -> str | None:
    """What PyTorch says of the write, nothing where it makes it; None where there is no such call."""
    memory: dict[int, torch.UntypedStorage] = {}

    def number(bound: Any) -> int:
        return int(sympy.sympify(bound).subs(sizes))

    def real(value: Any) -> Any:
        if isinstance(value, torch.SymInt):
            return number(value.node.expr)
        if not isinstance(value, torch.Tensor):
            return value
        shape, stride, offset, size = _parts(value)
        key = storage_key(value)
        if number(size) > _LARGEST:
            raise ValueError("too large")
        if key not in memory:
            memory[key] = torch.UntypedStorage(number(size)).fill_(0)
        made = torch.empty(0, dtype=value.dtype)
        return made.set_(memory[key], number(offset), [*map(number, shape)], [*map(number, stride)])

    try:
        given, named = map_leaves(args, real), map_leaves(kwargs, real)
    except Exception:
        return None
    try:
        with torch._C.DisableTorchFunction(), torch.no_grad():
            func(*given, **named)
    except Exception as error:
        return str(error) if "a single memory location" in str(error) else None
    return ""


def _overlaps(written: torch.Tensor, tensors: Sequence[torch.Tensor]) -> bool:
    shape, stride, *_ = _parts(written)
    if any(step == 0 and size != 1 for step, size in zip(stride, shape, strict=True)):
        return True
    key = storage_key(written)
    return any(storage_key(other) == key and _layout(other) != _layout(written) for other in tensors)


def _parts(tensor: torch.Tensor) -> tuple[list[Any], list[Any], Any, Any]:
    """Shape, strides, offset and bytes of the memory, as numbers or expressions over unknown sizes."""
    return (
        [*map(_expr, tensor.shape)],
        [*map(_expr, tensor.stride())],
        _expr(tensor.storage_offset()),
        _expr(tensor.untyped_storage().nbytes()),
    )


def _layout(tensor: torch.Tensor) -> tuple[Any, ...]:
    shape, stride, offset, size = _parts(tensor)
    return (*shape, *stride, offset, size)


def _expr(bound: Any) -> Any:
    return bound.node.expr if isinstance(bound, torch.SymInt) else bound

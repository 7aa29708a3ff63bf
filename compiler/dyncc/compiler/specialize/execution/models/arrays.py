"""Calls of NumPy on values of the network, and of PyTorch on arrays (see ``prelude/arrays``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dyncc.compiler.specialize.execution.frames import Push
from dyncc.compiler.specialize.prelude import arrays

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def replaced(machine: Machine, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Push | None:
    """What to call instead, where NumPy cannot be called as it is."""
    if _is_numpy(func):
        if not arrays.holds_unknown((args, kwargs)):
            return None
        machine.facts.read_as_arrays()
        return Push(arrays.call, (func, args, kwargs), {})
    owner = getattr(func, "__self__", None)
    if isinstance(owner, np.ndarray | np.generic) and arrays.holds_unknown((args, kwargs)):
        machine.facts.read_as_arrays()
        method = getattr(arrays.Array, func.__name__, None)
        if method is not None:
            return Push(method, (arrays.array_of(owner), *args), kwargs)
        machine.refuse("DY101", f"`ndarray.{func.__name__}` is given what is not known", "called here")
    if machine.facts.arrays and _is_torch(func) and arrays.holds_array((args, kwargs)):
        if any(func is constructor for constructor in arrays.CONSTRUCTORS):
            return Push(arrays.tensor_from, (func, *args), kwargs)
        machine.refuse(
            "DY101", f"`{func.__name__}` of PyTorch is given an array of NumPy", "called here",
            helps=("make a tensor of it first: `torch.from_numpy(array)`",),
        )  # fmt: skip
    return None


def _is_numpy(func: Any) -> bool:
    if isinstance(func, np.ufunc):
        return True
    if isinstance(func, type):
        return issubclass(func, np.generic)
    module = getattr(func, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] == "numpy"


def _is_torch(func: Any) -> bool:
    owner = getattr(func, "__self__", None)
    if isinstance(owner, torch.Tensor):
        return True
    module = getattr(func, "__module__", None) or ""
    return any(func is constructor for constructor in arrays.CONSTRUCTORS) or (
        isinstance(module, str)
        and module.partition(".")[0] == "torch"
        and not module.startswith("torch._numpy")
        and not isinstance(func, type)
    )

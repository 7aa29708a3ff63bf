"""PyTorch calls that are not simply recorded: where their handlers are found.

A handler gets ``(recorder, func, args, kwargs)`` and returns what the program gets, or NotImplemented to
have the call recorded like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


Handler = Callable[["Recorder", Any, tuple[Any, ...], dict[str, Any]], Any]
PROPERTIES: dict[str, Handler] = {}
METHODS: dict[str, Handler] = {}
SETTERS: dict[str, Handler] = {}
FUNCTIONS: dict[Any, Handler] = {}


def find(func: Any) -> Handler | None:
    """The handler of ``func``, or None."""
    name = getattr(func, "__name__", "")
    if name in ("__get__", "__set__", "__delete__"):
        owner = getattr(func, "__self__", None)
        return (PROPERTIES if name == "__get__" else SETTERS).get(getattr(owner, "__name__", ""), _recorded)
    found = FUNCTIONS.get(func) if _hashable(func) else None
    if found is not None:
        return found
    if _is_tensor_method(func):
        return METHODS.get(name)
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

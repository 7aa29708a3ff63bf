"""Operators of users: the ONNX form of what ``torch.library`` defined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])

CUSTOM: dict[Any, Callable[..., Any]] = {}
"""Operators of users → what makes ONNX of them, given ONNX values and Python numbers."""


def register_onnx(operator: Any) -> Callable[[F], F]:
    """Say what an operator of your own is in ONNX: a decorator for a function of onnxscript operators.

    ``operator`` is what ``torch.library.custom_op`` gave, or ``torch.ops.NAMESPACE.NAME`` (with or without
    its overload). The function gets an ONNX value for each tensor and a Python value for everything else,
    and returns a value, or a tuple for several results; operators are those of ``onnxscript.opset18``.
    Register before ``compile``, for example in the module that defines the operator. The last
    registration counts. What is compiled is compared with the operator's own PyTorch code.

    Raises TypeError for what is no operator of PyTorch.
    """
    target = _overload(operator)

    def register(function: F) -> F:
        CUSTOM[target] = function
        return function

    return register


def _overload(operator: Any) -> torch._ops.OpOverload:
    if isinstance(operator, torch._library.custom_ops.CustomOpDef):
        return operator._opoverload
    if isinstance(operator, torch._ops.OpOverloadPacket):
        names = operator.overloads()
        if len(names) != 1:
            raise TypeError(f"`{operator}` has several overloads; name one of {', '.join(names)}")
        return getattr(operator, names[0])
    if isinstance(operator, torch._ops.OpOverload):
        return operator
    raise TypeError(
        f"{operator!r} is no operator: pass what `torch.library.custom_op` gave, or "
        "`torch.ops.NAMESPACE.NAME`"
    )

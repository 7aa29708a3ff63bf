"""PyTorch calls on fake tensors, whose result has to hold for all sizes that are not known.

Operators that draw random numbers are refused, however deep inside a call they are.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedOperatorException,
)
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode, free_unbacked_symbols
from torch.utils._python_dispatch import TorchDispatchMode

from dyncc.compiler.specialize.recording.nested import leaves_of

FAKE_FAILURES = (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedOperatorException,
    GuardOnDataDependentSymNode,
)


class RandomWatch(TorchDispatchMode):
    """Refuses operators that draw random numbers, however deep inside a call they are."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags and not _draws_nothing(func, args, kwargs or {}):
            raise RandomOperator(str(func))
        return func(*args, **(kwargs or {}))


class RandomOperator(BaseException):
    """A random operator ran while recording."""


def _draws_nothing(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call of a random operator draws nothing: dropout that is off, say."""
    name = func._schema.name
    bound = dict(zip((a.name for a in func._schema.arguments), args, strict=False)) | kwargs
    if name.endswith("dropout"):
        train = bound.get("train", bound.get("training", True))
        return train is False or bound.get("p") == 0.0
    if "attention" in name:
        return not bound.get("dropout_p")
    if name.endswith("rrelu_with_noise"):
        return not bound.get("training", False)
    return False


def is_internal(error: BaseException) -> bool:
    """Whether an exception is about fake tensors or symbolic sizes and not the program's own."""
    text = f"{type(error).__name__}: {error}"
    marks = (
        "FakeTensor", "SymInt", "SymFloat", "data-dependent", "unbacked", "meta tensor", "Meta tensor",
        "specialized integer", "no fake impl", "not in VR[", "Constraint", "PendingUnbackedSymbol",
        "fake tensor",
    )  # fmt: skip
    return any(mark in text for mark in marks) or type(error).__module__.startswith(
        ("torch._subclasses", "torch.fx", "torch._dynamo", "sympy")
    )


def has_unbacked(values: Any) -> bool:
    """Whether a size among ``values`` (arguments of a fake call) is one that the block itself computes."""
    sizes = [s for v in leaves_of(values) for s in (v.shape if isinstance(v, torch.Tensor) else (v,))]
    return any(isinstance(s, torch.SymInt) and free_unbacked_symbols(s) for s in sizes)


def mentions_symbol(text: str) -> bool:
    return re.search(r"\b[su]\d+\b", text) is not None


def name_of(func: Any) -> str:
    name = getattr(func, "__name__", str(func))
    owner = getattr(func, "__objclass__", None) or getattr(func, "__self__", None)
    if name == "__get__" and owner is not None:
        return f"Tensor.{owner.__name__}"
    if isinstance(owner, type):
        return f"{owner.__name__.replace('TensorBase', 'Tensor')}.{name}"
    module = getattr(func, "__module__", None) or "torch"
    return (
        f"{module.replace('torch.nn.functional', 'F')}.{name}" if not module.startswith("torch._") else name
    )

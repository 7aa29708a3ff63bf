"""Symbolic tensors: shape and dtype are known, and the node of the current graph that computes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import fx

from dyncc.compiler.specialize.values.decisions import builder, current, native_computation


class SymTensor(torch.Tensor):
    """A tensor of the program. ``fake`` is its shape and dtype, ``node`` what computes it in this block.

    ``derivation`` tells how a view is made from the tensor that it looks into, so that a later block can
    make it again from its base.
    """

    fake: torch.Tensor
    node: fx.Node
    derivation: Derivation | None
    hint: str
    constant: torch.Tensor | None
    """The real value, where it depends on constants alone and is small: reading it decides nothing."""
    first: int | None
    """Of the batch sizes of packed sequences: how many sequences there are."""

    @staticmethod
    def make(fake: torch.Tensor, node: fx.Node, hint: str = "") -> SymTensor:
        tensor = torch.Tensor._make_wrapper_subclass(SymTensor, (0,))
        tensor.fake = fake
        tensor.node = node
        tensor.derivation = None
        tensor.hint = hint
        tensor.constant = None
        tensor.first = None
        return tensor

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if not current:
            raise RuntimeError("a tensor of a dyncc specialization was used after it ended")
        return builder().recorder.call(func, args, kwargs or {})

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> NoReturn:
        """Code in C++ computes with the tensor, past all that would record it."""
        block = builder()
        block.refusal = native_computation(func, block.span)
        raise block.refusal

    def __hash__(self) -> int:
        if current:  # in a set or a dict its identity is what counts
            with torch._C.DisableTorchFunction():
                builder().recorder.ask_identity(self)
        return id(self)


@dataclass(frozen=True)
class Derivation:
    """A view: ``func(*args)`` of which ``base`` is one argument; ``path`` picks one of several results."""

    base: SymTensor | torch.Tensor
    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    path: tuple[int, ...]

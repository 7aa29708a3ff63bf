"""What a recording asks before it records something that may raise when the network runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from dyncc.runtime.program import Operand


class Raising(Protocol):
    """Knows which exceptions the program handles where it is (``execution/risks.py``)."""

    def host_op(self, op: str, operands: Sequence[Operand]) -> None:
        """An operation of the host will be recorded."""

    def call(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A call of PyTorch by the program will be recorded."""

    def single(self, tensor: torch.Tensor, kind: type[Exception], none: str, several: str) -> None:
        """A tensor will be read that may not have one element: what is raised then."""

    def may_catch(self) -> bool:
        """Whether the program catches what calls of PyTorch raise."""
        ...

    def sizes(self, func: Any) -> None:
        """A recorded call raises for certain sizes."""

"""Eager with our definitions of what raises on data: so that its decisions are reads that show."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from dyncc.compiler.specialize.prelude import linalg
from dyncc.runtime.program import Program


class Defined(TorchFunctionMode):
    """While active, functions of ``prelude/linalg.py`` are called in the place of PyTorch's."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in linalg.FUNCTIONS and (definition := linalg.definition(func, args, kwargs)) is not None:
            return definition(*args, **kwargs)
        return func(*args, **kwargs)


def has_definitions(program: Program[torch.fx.Graph]) -> bool:
    """Whether ``program`` may come of such functions at all: the mode costs time with each call."""
    nodes = (node for graph in program.graphs.values() for node in graph.nodes)
    return any(node.target in linalg.GIVING_INFO for node in nodes)


def defined(needed: bool) -> AbstractContextManager[Any]:
    return Defined() if needed else nullcontext()

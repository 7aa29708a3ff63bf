"""Transforms of functions run on tensors that PyTorch makes inside, which no recording sees through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.specialize import specialize


def vmapped(x: Any) -> Any:
    return torch.vmap(lambda row: row * 2)(x) if x.sum() > 0 else x


def gradient(x: Any) -> Any:
    return torch.func.grad(lambda t: (t**2).sum())(x) if x.sum() > 0 else x


@pytest.mark.parametrize("function", [vmapped, gradient])
def test_a_transform_is_refused_at_its_call(function: Callable[..., Any]) -> None:
    with pytest.raises(CompileError) as caught:
        specialize(function, (torch.ones(3, 2),))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "DY130"
    assert diagnostic.span is not None and diagnostic.span.line == function.__code__.co_firstlineno + 1

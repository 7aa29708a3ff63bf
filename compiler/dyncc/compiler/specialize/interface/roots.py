"""Where a program begins: its Python function, and the objects and weights that it refers to."""

from __future__ import annotations

import inspect
import types
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize.interface.inputs import Method

if TYPE_CHECKING:
    pass


def named_tensors(roots: Sequence[tuple[str, Any]]) -> dict[str, torch.Tensor]:
    """The tensors of the modules among ``roots``, by their usual names: parameters, buffers, attributes."""
    found: dict[str, torch.Tensor] = {}
    for _, root in roots:
        if isinstance(root, nn.Module):
            for name, tensor in (*root.named_parameters(), *root.named_buffers()):
                found.setdefault(name, tensor)
            for prefix, module in root.named_modules():
                for name, value in vars(module).items():
                    if isinstance(value, torch.Tensor):
                        found.setdefault(f"{prefix}.{name}" if prefix else name, value)
    return found


def roots_of(methods: Sequence[Method]) -> list[tuple[str, Any]]:
    """Where the mutable objects of the methods are found: ``self``, closures, fixed arguments."""
    roots: list[tuple[str, Any]] = []
    for method in methods:
        function = method.function
        owner = getattr(function, "__self__", None)
        if owner is not None and not inspect.ismodule(owner):
            roots.append(("self", owner))
        inner = getattr(function, "__func__", function)
        if isinstance(inner, nn.Module):
            roots.append(("self", inner))
        for cell in getattr(inner, "__closure__", None) or ():
            roots.append(("closure", cell))
        for name, value in (*enumerate(method.args), *method.kwargs.items()):
            if isinstance(value, nn.Module):
                roots.append((str(name), value))
    unique: dict[int, tuple[str, Any]] = {}
    for name, value in roots:
        unique.setdefault(id(value), (name, value))
    return list(unique.values())


def unbound(function: Any, args: tuple[Any, ...]) -> tuple[types.FunctionType, tuple[Any, ...]]:
    """The Python function behind a callable, and its arguments with ``self``."""
    if isinstance(function, types.MethodType):
        return unbound(function.__func__, (function.__self__, *args))
    if isinstance(function, types.FunctionType):
        return function, args
    if isinstance(function, nn.Module):
        return unbound(function.forward, args)
    call = getattr(type(function), "__call__", None)  # noqa: B004  # the function itself is wanted
    if isinstance(call, types.FunctionType):
        return call, (function, *args)
    raise CompileError([Diagnostic("DY102", f"`{function!r}` is not a Python function", None)])

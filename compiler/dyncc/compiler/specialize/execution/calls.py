"""Calls: natively first; interpreted where the callee is known to decide."""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.jit._state import _try_get_jit_cached_function
from torch.nn.modules import module as nn_module

from dyncc.compiler.code_origin import is_users
from dyncc.compiler.frontend import cfg
from dyncc.compiler.frontend.build import build
from dyncc.compiler.frontend.source import SourceUnavailable
from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution.frames import Frame, Generator, Push
from dyncc.compiler.specialize.execution.native import Raised
from dyncc.compiler.specialize.values import (
    DynamicList,
    DynamicTag,
    DynamicText,
    SymTensor,
    is_scalar,
)
from dyncc.compiler.specialize.values.decisions import native_computation

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


def _generator_managers() -> frozenset[types.CodeType]:
    """The code of ``contextlib`` that runs context managers written as generators."""
    helper = next(c for c in contextlib.contextmanager.__code__.co_consts if isinstance(c, types.CodeType))
    base = contextlib._GeneratorContextManagerBase  # type: ignore[attr-defined]
    manager = contextlib._GeneratorContextManager
    return frozenset(
        (helper, base.__init__.__code__, manager.__enter__.__code__, manager.__exit__.__code__)
    )


ALWAYS = _generator_managers() | frozenset(
    method.__code__
    for method in (
        prelude.RangeIterator.__next__, prelude.ListIterator.__next__, prelude.next_or, prelude.call_module,
        prelude.contained, prelude.truth_by, prelude.operate,
        prelude.DynamicRange.__getitem__, prelude.DynamicRange.__contains__, prelude.DynamicRange.__eq__,
        *prelude.arrays.DECIDING,
        *(m for m in vars(prelude.RecordList).values() if isinstance(m, types.FunctionType)
          and m.__name__ not in ("__init__", "_unknown")),
        *prelude.mappings.INTERPRETED, prelude.sequences_in_order, prelude.equal_sequences,
        prelude.equal_lists,
        prelude.in_this_order, *prelude.heaps.DECIDING, *prelude.bisection.DECIDING,
        *prelude.linalg.INTERPRETED, *prelude.dataclasses_.DECIDING,
    )
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A Python function to be interpreted with these arguments."""

    function: types.FunctionType
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def make_frame(self, machine: Machine) -> Frame | Generator:
        """The frame, its parameters bound; for a generator function the Generator."""
        graph = control_flow(machine, self.function.__code__)
        frame = Frame(graph, self.function.__globals__, label=graph.entry)
        bound = bind(self.function, self.args, self.kwargs)
        frame.registers.update(bound)
        for name in graph.cellvars:
            frame.cells[name] = types.CellType(bound[name]) if name in bound else types.CellType()
            frame.registers.pop(name, None)
        for name, cell in zip(graph.freevars, self.function.__closure__ or (), strict=True):
            frame.cells[name] = cell
        if graph.is_generator:
            return Generator(frame, name=self.function.__qualname__)
        return frame


def control_flow(machine: Machine, code: types.CodeType) -> cfg.Function:
    try:
        return build(code)
    except SourceUnavailable as error:
        machine.refuse(
            "DY102",
            f"`{code.co_qualname}` decides on a tensor's value and its source cannot be read",
            "called here",
            notes=(str(error),),
            helps=("put the function into a file, in plain Python",),
        )


def bind(function: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a call by name, as Python binds them."""
    code = function.__code__
    if code.co_varnames[:1] == (".0",):
        return {".0": args[0]}
    try:
        signature = _signature(function)
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise Raised(TypeError(f"{function.__qualname__}() {error}")) from None
    bound.apply_defaults()
    return dict(bound.arguments)


def _signature(function: types.FunctionType) -> inspect.Signature:
    wrapped = function.__dict__.pop("__wrapped__", None)
    text = function.__dict__.pop("__signature__", None)
    try:
        return inspect.Signature.from_callable(function, follow_wrapped=False)
    finally:
        if wrapped is not None:
            function.__wrapped__ = wrapped  # type: ignore[attr-defined]
        if text is not None:
            function.__signature__ = text  # type: ignore[attr-defined]


def must_interpret(machine: Machine, function: Any) -> bool:
    """Whether a Python function is known to decide, or is a generator, whose frame must be data."""
    if not isinstance(function, types.FunctionType):
        return False
    code = function.__code__
    if code in machine.facts.interpret or code in ALWAYS:
        return True
    if machine.facts.arrays and is_users(code.co_filename):
        return True
    return bool(code.co_flags & inspect.CO_GENERATOR) and not code.co_filename.startswith("<")


def resolve(
    machine: Machine, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Target | Push | None:
    """How ``func`` is to be called: interpreted (Target), as another call (Push), or natively (None)."""
    if isinstance(func, types.FunctionType):
        if not must_interpret(machine, func):
            return None
        written = prelude.dataclasses_.definition_of(func, args)
        return (
            Target(func, args, kwargs)
            if written is None
            else Push(written[0], (*written[1:], *args), kwargs)
        )
    if type(func) is types.MethodType:
        return (
            Push(func.__func__, (func.__self__, *args), kwargs) if _leads(machine, func.__func__) else None
        )
    if isinstance(func, functools.partial):
        return Push(func.func, (*func.args, *args), {**func.keywords, **kwargs})
    if isinstance(func, functools._lru_cache_wrapper):
        return Push(func.__wrapped__, args, kwargs)
    if isinstance(func, torch.jit.ScriptFunction):
        return _scripted(machine, func, args, kwargs)
    if isinstance(func, type):
        return _construct(machine, func, args, kwargs)
    if isinstance(func, nn.Module) and type(func).__call__ is nn.Module.__call__:
        return _module(machine, func, args, kwargs)
    method = getattr(type(func), "__call__", None)  # noqa: B004  # the function itself is wanted
    if isinstance(method, types.FunctionType) and must_interpret(machine, method):
        return Push(method, (func, *args), kwargs)
    return None


def _leads(machine: Machine, func: Any) -> bool:
    return must_interpret(machine, func) or not isinstance(func, types.FunctionType)


def _scripted(
    machine: Machine,
    func: torch.jit.ScriptFunction[Any, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Push | None:
    """The function that TorchScript was made from, unless it decides: what that reads is not seen."""
    original = getattr(func, "_torchdynamo_inline", None)  # set by tracing, too, which is not the same
    if _try_get_jit_cached_function(original) is None:
        return None
    if must_interpret(machine, original):
        raise native_computation(func.name, machine.block.span)
    return Push(original, args, kwargs)


def _construct(machine: Machine, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Push | None:
    """A class whose constructor decides: make the object natively, interpret its ``__init__``."""
    init = getattr(cls, "__init__", None)
    if not must_interpret(machine, init) or type(cls).__call__ is not type.__call__:
        return None
    if cls.__new__ is object.__new__:
        made = object.__new__(cls)
    else:
        made = machine.native(cls.__new__, cls, *args, **kwargs)
    return Push(init, (made, *args), kwargs, continuation="init", payload=made)


def _module(
    machine: Machine, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Push | None:
    forward = module.forward
    hooks = [
        *module._forward_hooks.values(), *module._forward_pre_hooks.values(),
        *nn_module._global_forward_hooks.values(), *nn_module._global_forward_pre_hooks.values(),
    ]  # fmt: skip
    if not any(_may_interpret(machine, function) for function in (forward, *hooks)):
        return None
    if not hooks:
        return Push(forward, args, kwargs)
    pre = [
        *((hook, False) for hook in nn_module._global_forward_pre_hooks.values()),
        *(
            (hook, key in module._forward_pre_hooks_with_kwargs)
            for key, hook in module._forward_pre_hooks.items()
        ),
    ]
    post = [
        *((hook, False) for hook in nn_module._global_forward_hooks.values()),
        *((hook, key in module._forward_hooks_with_kwargs) for key, hook in module._forward_hooks.items()),
    ]
    return Push(prelude.call_module, (module, pre, post, args, kwargs), {})


def _may_interpret(machine: Machine, forward: Any) -> bool:
    function = getattr(forward, "__func__", forward)
    if isinstance(function, functools.partial):
        function = function.func
    return must_interpret(machine, function)


def special_method(machine: Machine, obj: Any, name: str) -> Any:
    """A method of ``obj``'s class that must be interpreted, or None."""
    if isinstance(obj, (SymTensor, DynamicList)) or is_scalar(obj):
        return None
    method = getattr(type(obj), name, None)
    if must_interpret(machine, method):
        return method
    own = isinstance(method, types.FunctionType) and is_users(method.__code__.co_filename)
    return method if own and name in _OF_KNOWN_NUMBERS else None


_OF_KNOWN_NUMBERS = frozenset({"__len__", "__bool__", "__int__", "__float__"})
"""What builtins take nothing but a number of Python's from: one that is not known is none natively."""


def attribute_getter(machine: Machine, obj: Any, name: str) -> Any:
    """The getter of a property that must be interpreted, or None."""
    if isinstance(obj, SymTensor) or is_scalar(obj) or type(obj) in (DynamicTag, DynamicText):
        return None
    found = inspect.getattr_static(type(obj), name, None)
    if isinstance(found, property) and found.fget is not None and must_interpret(machine, found.fget):
        return found.fget
    fallback = special_method(machine, obj, "__getattr__")
    if fallback is not None and inspect.getattr_static(obj, name, prelude.MISSING) is prelude.MISSING:
        return functools.partial(prelude.missing_attribute, fallback, name)
    cached = isinstance(found, functools.cached_property) and name not in getattr(obj, "__dict__", {})
    return found.func if cached and must_interpret(machine, found.func) else None


def attribute_setter(machine: Machine, obj: Any, name: str) -> tuple[Any, tuple[Any, ...]] | None:
    """A property's setter or a ``__setattr__`` that must be interpreted, and its leading arguments."""
    found = inspect.getattr_static(type(obj), name, None)
    if isinstance(found, property) and found.fset is not None and must_interpret(machine, found.fset):
        return found.fset, ()
    setter = special_method(machine, obj, "__setattr__")
    return (setter, (name,)) if setter is not None else None

"""What the user asks to have compiled, in one form: methods with their example calls.

A request is a module, a bound method, a function, or several of those by name (methods of one module, say),
each with example arguments as ``torch.export.export`` takes them.
"""

from __future__ import annotations

import inspect
import keyword
import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from dyncc.compiler.check.report import Example
from dyncc.compiler.diagnostics import CompileError, Diagnostic
from dyncc.compiler.specialize import Method
from dyncc.runtime.program import Span


@dataclass(frozen=True)
class Request:
    """``methods`` are what the specializer is given, ``originals`` what eager PyTorch would call.

    ``examples`` are calls to check with and to keep in the bundle: first one of each method.
    """

    name: str
    methods: tuple[Method, ...]
    originals: Mapping[str, Callable[..., Any]]
    examples: tuple[Example, ...]
    profile: tuple[Example, ...] = ()
    """Further calls, which are counted for the report."""


def make_request(
    model: Any,
    args: Any = (),
    kwargs: Any = None,
    dynamic_shapes: Any = None,
    examples: Sequence[Any] = (),
    profile: Sequence[Any] = (),
) -> Request:
    """The request that the arguments of :func:`dyncc.compiler.compile` spell.

    Where ``model`` is a dict, ``args``, ``kwargs`` and ``dynamic_shapes`` are dicts by the same names, or a
    value of ``model`` is a tuple ``(callable, args)`` or ``(callable, args, kwargs)``. A further example is
    a tuple of arguments, a pair ``(args, kwargs)``, or an :class:`Example`, which names its method; so is a
    call of ``profile``.

    Raises TypeError or ValueError where they do not, CompileError (DY201) where example arguments do not
    fit their method.
    """
    if isinstance(model, dict):
        methods, originals = _several(model, args, kwargs, dynamic_shapes)
    else:
        name = _method_name(model)
        methods = [Method(name, _function(model), _positional(args), dict(kwargs or {}), dynamic_shapes)]
        originals = {name: model}
    calls = [Example(method.name, method.args, method.kwargs) for method in methods]
    calls += [_further(example, methods) for example in examples]
    by_name = {method.name: method for method in methods}
    counted = tuple(_further(call, methods) for call in profile)
    found = [_misfit(by_name[call.method], call) for call in (*calls, *counted)]
    problems = [problem for problem in found if problem is not None]
    if problems:
        raise CompileError(list(dict.fromkeys(problems)))
    owner = _owner_name(next(iter(originals.values())))
    return Request(owner, tuple(methods), originals, tuple(calls), counted)


def _several(
    model: Mapping[str, Any], args: Any, kwargs: Any, dynamic_shapes: Any
) -> tuple[list[Method], dict[str, Callable[..., Any]]]:
    if not model:
        raise ValueError("there are no methods to compile: the dict is empty")
    given, named, shapes = (
        _by_method(what, value, model)
        for what, value in (("args", args), ("kwargs", kwargs), ("dynamic_shapes", dynamic_shapes))
    )
    methods: list[Method] = []
    originals: dict[str, Callable[..., Any]] = {}
    for name, value in model.items():
        if not (isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)):
            raise ValueError(f"{name!r} cannot be the name of a method")
        function, own_args, own_kwargs = _method_value(name, value)
        positional = _positional(given.get(name, own_args))
        arguments = dict(named.get(name) or own_kwargs)
        methods.append(Method(name, _function(function), positional, arguments, shapes.get(name)))
        originals[name] = function
    return methods, originals


def _method_value(name: str, value: Any) -> tuple[Callable[..., Any], Any, Mapping[str, Any]]:
    if not isinstance(value, tuple):
        return value, (), {}
    if not 2 <= len(value) <= 3:
        raise TypeError(
            f"the method `{name}` must be a callable, (callable, args) or (callable, args, kwargs)"
        )
    return value[0], value[1], value[2] if len(value) == 3 else {}


def _by_method(what: str, value: Any, model: Mapping[str, Any]) -> Mapping[str, Any]:
    """An argument of ``compile`` that is a dict by method where several are compiled."""
    if not value:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"`{what}` of several methods is a dict with the names of methods")
    if unknown := [name for name in value if name not in model]:
        raise ValueError(f"`{what}` has {unknown[0]!r}, which is none of the methods {', '.join(model)}")
    return value


def _positional(args: Any) -> tuple[Any, ...]:
    if isinstance(args, torch.Tensor):
        return (args,)
    if not isinstance(args, tuple | list):
        raise TypeError(f"`args` is a tuple of example arguments, not a {type(args).__name__}")
    return tuple(args)


def _further(example: Any, methods: Sequence[Method]) -> Example:
    if isinstance(example, Example):
        if example.method not in {method.name for method in methods}:
            raise ValueError(f"an example calls `{example.method}`, which is not compiled")
        return example
    if len(methods) > 1:
        raise TypeError("with several methods, a further example is an `Example` that names its method")
    match example:
        case (tuple() | list() as args, dict() as kwargs):
            return Example(methods[0].name, tuple(args), kwargs)
        case tuple() | list():
            return Example(methods[0].name, tuple(example))
        case _:
            raise TypeError("a further example is a tuple of arguments, or a pair of those and a dict")


def _function(model: Any) -> Callable[..., Any]:
    if isinstance(model, nn.Module):
        return model.forward
    if inspect.isclass(model):
        raise TypeError(f"`{model.__name__}` is a class: give an object of it, `{model.__name__}(…)`")
    if not callable(model):
        kind = type(model).__name__
        raise TypeError(
            f"a value of type `{kind}` cannot be compiled: give a module, a method or a function"
        )
    return model


def _method_name(model: Any) -> str:
    name = getattr(_function(model), "__name__", "forward")
    return name if name.isidentifier() else "call"


def _owner_name(model: Any) -> str:
    owner = getattr(model, "__self__", model if isinstance(model, nn.Module) else None)
    if owner is not None:
        return type(owner).__name__
    name = getattr(model, "__name__", type(model).__name__)
    return name if name.isidentifier() else "program"


def _misfit(method: Method, call: Example) -> Diagnostic | None:
    signature = method.signature()
    problem = _unknown_sizes(method, signature)
    if problem is not None:
        return problem
    try:
        signature.bind(*call.args, **call.kwargs)
    except TypeError as error:
        names = ", ".join(f"`{name}`" for name in signature.parameters) or "nothing"
        message = f"the example arguments do not fit `{method.name}`: {error}"
        return Diagnostic("DY201", message, _definition(method.function), notes=(f"it takes {names}",))
    return None


def _unknown_sizes(method: Method, signature: inspect.Signature) -> Diagnostic | None:
    """``dynamic_shapes`` for a parameter that there is not: it would be left without effect."""
    parameters = signature.parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    shapes = method.dynamic_shapes
    if not isinstance(shapes, Mapping) or inspect.Parameter.VAR_KEYWORD in kinds:
        return None
    unknown = next((name for name in shapes if name not in parameters), None)
    if unknown is None:
        return None
    names = ", ".join(f"`{name}`" for name in parameters) or "nothing"
    message = f"`dynamic_shapes` names `{unknown}`, which `{method.name}` does not take"
    return Diagnostic("DY201", message, _definition(method.function), notes=(f"it takes {names}",))


def _definition(function: Callable[..., Any]) -> Span | None:
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return None
    line = code.co_firstlineno
    text = linecache.getline(code.co_filename, line).rstrip()
    indent = len(text) - len(text.lstrip())
    return Span(code.co_filename, line, indent + 1, line, max(len(text), indent + 1) + 1, code.co_qualname)

"""From a found model to the arguments of ``compile``: mode, weights, example inputs, dynamic sizes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dyncc.compiler.check.report import Example
from dyncc.compiler.cli.discover import Target, split_arguments
from dyncc.compiler.cli.exits import usage
from dyncc.compiler.cli.inputs import InputSpec, TensorValue, bind, map_values, parse_inputs
from dyncc.compiler.cli.usercode import display, user_code

CHECK_INPUTS = "check_inputs"
DYNAMIC_SHAPES = "dynamic_shapes"


@dataclass(frozen=True)
class Call:
    """The example call: ``args`` and ``kwargs``, per method where several are compiled."""

    args: Any
    kwargs: Any
    found: str


def example_call(target: Target, specs: Iterable[str], file: Path | None) -> Call:
    """The example inputs: from the command line, else from the file's ``example_inputs()`` or
    ``get_inputs()``. Raises a usage error that names the parameters where there are none."""
    given = parse_inputs(specs, file)
    if given:
        if isinstance(target.model, dict):
            raise usage("several methods need their inputs from `example_inputs()` in the file")
        return _bound(target, given)
    for name in ("example_inputs", "get_inputs"):
        function = getattr(target.module, name, None)
        if callable(function):
            with user_code(f"{name}() in {display(target.file)}", target.file):
                inputs = function()
            return _call_of(target, inputs, f"`{name}()`")
    parameters = _required(target)
    if not parameters:
        return Call((), {}, "no parameters")
    raise usage(
        "no example inputs",
        "name their shapes: "
        + " ".join(f"--input {name}=1x3x32x32:f32" for name in parameters)
        + " (or a number: k=3)",
        "or define `example_inputs()` in the file",
        notes=[f"it takes {', '.join(f'`{name}`' for name in parameters)}"],
    )


def further_calls(target: Target) -> list[Example]:
    """Calls to check with, beside the example: those that the file's ``check_inputs()`` gives.

    A list of calls, each as ``example_inputs()`` returns it; where several methods are compiled, a dict of
    such lists, by method. Raises a usage error for anything else.
    """
    function = getattr(target.module, CHECK_INPUTS, None)
    if not callable(function):
        return []
    with user_code(f"{CHECK_INPUTS}() in {display(target.file)}", target.file):
        made = function()
    if not isinstance(target.model, dict):
        made = {target.method: made}
    known = target.model if isinstance(target.model, dict) else {target.method}
    calls: list[Example] = []
    for name, items in made.items() if isinstance(made, dict) else [("", None)]:
        if name not in known or not isinstance(items, list):
            raise usage(
                f"`{CHECK_INPUTS}()` in {display(target.file)} must return a list of calls",
                "each as `example_inputs()` returns it; of several methods, a dict of lists",
            )
        calls += [Example(name, *split_arguments(item)) for item in items]
    return calls


_DIM = re.compile(r"(-?\d+)(?::([^\W\d]\w*)(?::(\d*)-(\d*))?)?")
"""A dimension, the name of its size, and the least and the largest that this can be."""


def dynamic_shapes(target: Target, call: Call, specs: Sequence[str]) -> Any:
    """``--dynamic NAME=DIM[:SYMBOL[:LEAST-MOST]],…`` as ``torch.export`` takes it; where that is not given,
    what the file's ``dynamic_shapes()`` returns, or its value of that name.

    The same symbol is the same size.
    """
    if not specs:
        return _shapes_of_file(target)
    parameters = list(inspect.signature(target.entry).parameters)
    names = [*parameters[: len(call.args)], *call.kwargs]
    shapes: dict[str, Any] = dict.fromkeys(names)
    for spec in specs:
        name, equals, dims = spec.partition("=")
        if not equals or not dims:
            raise usage(f"cannot read `--dynamic {spec}`", "write --dynamic x=0,2 or --dynamic x=0:batch")
        if name not in shapes:
            raise usage(f"`{name}` in `--dynamic {spec}` is not among the inputs", notes=[_names(names)])
        shapes[name] = dict(_dim(spec, dim) for dim in dims.split(","))
        value = call.kwargs.get(name, dict(zip(parameters, call.args, strict=False)).get(name))
        _check_dimensions(spec, name, value, shapes[name])
    return shapes


def _shapes_of_file(target: Target) -> Any:
    found = getattr(target.module, DYNAMIC_SHAPES, None)
    if callable(found):
        with user_code(f"{DYNAMIC_SHAPES}() in {display(target.file)}", target.file):
            found = found()
    elif not isinstance(found, (dict, list, tuple)):  # something else of that name, as a module
        return None
    if found is not None and not isinstance(found, (dict, list, tuple)):
        raise usage(
            f"`{DYNAMIC_SHAPES}()` in {display(target.file)} must return what `torch.export` takes",
            'as `{"x": {0: torch.export.Dim("batch")}}`',
        )
    return found or None


def _check_dimensions(spec: str, name: str, value: Any, dims: Iterable[int]) -> None:
    if not isinstance(value, torch.Tensor):
        raise usage(f"`{name}` in `--dynamic {spec}` is no tensor, so it has no sizes")
    for dim in dims:
        if not -value.dim() <= dim < value.dim():
            raise usage(
                f"`{name}` has {value.dim()} dimensions: there is no dimension {dim} in `--dynamic {spec}`",
                f"its shape is {tuple(value.shape)}; dimensions are counted from 0",
            )


def _dim(spec: str, text: str) -> tuple[int, Any]:
    found = _DIM.fullmatch(text.strip())
    if found is None:
        message = f"cannot read `{text}` in `--dynamic {spec}`"
        raise usage(message, "write --dynamic x=0,2:length or --dynamic x=2:length:1-512")
    number, symbol, least, most = found.groups()
    if symbol is None:
        return int(number), torch.export.Dim.DYNAMIC
    ends = {"min": int(least) if least else None, "max": int(most) if most else None}
    if least and most and int(least) >= int(most):
        raise usage(f"`{least}-{most}` in `--dynamic {spec}` is no range", "the first is to be the smaller")
    return int(number), torch.export.Dim(symbol, **ends)


def _names(names: Iterable[str]) -> str:
    return "the inputs are " + ", ".join(f"`{name}`" for name in names)


def _call_of(target: Target, inputs: object, found: str) -> Call:
    if isinstance(target.model, dict):
        if not isinstance(inputs, dict) or inputs.keys() != target.model.keys():
            raise usage(
                f"{found} must return a dict with the inputs of each method", notes=[_methods(target)]
            )
        calls = {name: split_arguments(value) for name, value in inputs.items()}
        return Call({k: a for k, (a, _) in calls.items()}, {k: kw for k, (_, kw) in calls.items()}, found)
    args, kwargs = split_arguments(inputs)
    return Call(args, kwargs, found)


def _methods(target: Target) -> str:
    assert isinstance(target.model, dict)
    return "the methods are " + ", ".join(f"`{name}`" for name in target.model)


def _bound(target: Target, given: Iterable[InputSpec]) -> Call:
    """Named values become positional arguments as far as the signature's order allows."""
    positional, named = bind(given)
    args = [map_values(value, as_tensor) for value in positional]
    kwargs = {name: map_values(value, as_tensor) for name, value in named.items()}
    signature = inspect.signature(target.entry)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise usage(
            f"the inputs do not fit the program: {error}",
            notes=[f"it takes {_signature_text(signature)}"],
        ) from None
    return Call(bound.args, bound.kwargs, "--input")


def _signature_text(signature: inspect.Signature) -> str:
    parameters = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return f"`{signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)}`"


def as_tensor(value: TensorValue) -> torch.Tensor:
    tensor = torch.from_numpy(value.array)
    return tensor.to(torch.bfloat16) if value.dtype == "bfloat16" else tensor


def _required(target: Target) -> list[str]:
    parameters = inspect.signature(target.entry).parameters.values()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is inspect.Parameter.empty and p.kind not in variadic]

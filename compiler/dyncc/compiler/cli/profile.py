"""``--profile FILE.npz``: many calls in one file, to be counted for the report.

Keys of the archive::

    KEY  ::= [METHOD "/"] [CALL "/"] NAME
    NAME ::= as for ``--inputs``: a parameter, parameter.key, or arr_0, 0, … for one without a name
    CALL ::= a number

Without CALL an array holds all calls along its first axis: ``x`` of shape [1000, 1, 3, 32, 32] is a
thousand calls with ``x`` of [1, 3, 32, 32]. With it, calls may differ in their sizes: ``0/x``, ``1/x``, …
An array without an axis more than the example's is one that all calls share. METHOD is needed where several
methods are compiled; calls are made in the order of their numbers, those of one number in the methods'.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dyncc.compiler.check.report import Example
from dyncc.compiler.cli.discover import Target
from dyncc.compiler.cli.exits import usage
from dyncc.compiler.cli.inputs import InputSpec, TensorValue, bind, map_values, read_archive
from dyncc.compiler.cli.prepare import Call, as_tensor

_POSITION = re.compile(r"(?:arg_?|arr_)?(\d+)")
_Inputs = dict[str, np.ndarray[Any, Any]]


def profile_calls(target: Target, call: Call, file: Path, dynamic: bool = True) -> list[Example]:
    """The calls in ``file``. Raises a usage error for what is none, or does not fit the method.

    Unless sizes are ``dynamic``, an array that is longer than the example's in its first axis lacks that of
    the calls.
    """
    methods = _methods(target)
    given: dict[tuple[int, str], _Inputs] = {}
    stacked: dict[str, _Inputs] = {}
    for key, array in _arrays(file).items():
        method, number, name = _parsed(key, methods, file)
        if number is None:
            stacked.setdefault(method, {})[name] = array
        else:
            given.setdefault((number, method), {})[name] = array
    for method, inputs in stacked.items() if not dynamic else ():
        _require_axis(inputs, _example(call, method, target), file)
    for method, inputs in stacked.items():
        alone = {number: values for (number, other), values in given.items() if other == method}
        for number, values in _unstacked(inputs, alone, _example(call, method, target), file).items():
            given[number, method] = values
    if not given:
        raise usage(f"{file} holds no calls", notes=["named by --profile"])
    order = list(methods)
    wanted = sorted(given, key=lambda item: (item[0], order.index(item[1])))
    return [
        _call(method, methods[method], given[number, method], _example(call, method, target), file)
        for number, method in wanted
    ]


def _methods(target: Target) -> dict[str, Any]:
    if not isinstance(target.model, dict):
        return {target.method: target.entry}
    found = target.model.items()
    return {name: each.forward if isinstance(each, torch.nn.Module) else each for name, each in found}


def _arrays(file: Path) -> _Inputs:
    """The arrays by key."""
    arrays: _Inputs = {}
    for position, spec in enumerate(read_archive(file, "--profile")):
        assert isinstance(spec.value, TensorValue)
        arrays[spec.name or f"arr_{position}"] = spec.value.array
    if not arrays:
        raise usage(f"{file} holds no arrays", notes=["named by --profile"])
    return arrays


def _parsed(key: str, methods: Mapping[str, Any], file: Path) -> tuple[str, int | None, str]:
    *path, name = key.split("/")
    method = (
        path.pop(0) if path and path[0] in methods else next(iter(methods)) if len(methods) == 1 else ""
    )
    if not method:
        raise usage(
            f"`{key}` in {file} does not say which method it is for", f"{next(iter(methods))}/{key}"
        )
    if len(path) > 1 or (path and not path[0].isdigit()):
        raise usage(f"cannot read the name `{key}` in {file}", "write x, or 0/x, 1/x, … one call each")
    return method, int(path[0]) if path else None, name


def _require_axis(inputs: _Inputs, example: Mapping[str, Any], file: Path) -> None:
    for name, array in inputs.items():
        value = _value_of(example, name)
        if not isinstance(value, torch.Tensor) or array.ndim != value.dim() or not array.ndim:
            continue
        if array.shape[1:] == tuple(value.shape[1:]) and array.shape[0] != value.shape[0]:
            raise usage(
                f"`{name}` in {file} has the shape {list(array.shape)}, a call takes {list(value.shape)}",
                f"the calls lie along an axis before those: {name}={name}[:, None]",
                notes=["named by --profile"],
            )


def _unstacked(
    stacked: _Inputs, alone: Mapping[int, _Inputs], example: Mapping[str, Any], file: Path
) -> dict[int, _Inputs]:
    """The calls that ``stacked`` arrays hold, each with what is given for it ``alone``."""
    shared = {name: array for name, array in stacked.items() if array.ndim == _rank(example, name)}
    rows = {name: array for name, array in stacked.items() if name not in shared}
    lengths = {name: array.shape[0] for name, array in rows.items() if array.ndim}
    if len(set(lengths.values())) > 1:
        texts = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
        raise usage(f"the arrays in {file} hold different numbers of calls: {texts}")
    if lengths and alone:
        raise usage(f"{file} holds calls both along a first axis and by number", "write them in one way")
    numbers = list(alone) if alone else list(range(next(iter(lengths.values()), 1)))
    return {
        number: {
            **shared,
            **{name: array[number] for name, array in rows.items()},
            **alone.get(number, {}),
        }
        for number in numbers
    }


def _example(call: Call, method: str, target: Target) -> dict[str, Any]:
    """The example's values by the names that a key may have."""
    several = isinstance(target.model, dict)
    args = call.args[method] if several else call.args
    kwargs = (call.kwargs[method] if several else call.kwargs) or {}
    names = list(inspect.signature(_methods(target)[method]).parameters)
    named = dict(zip(names, args, strict=False)) | dict(kwargs)
    return named | {str(position): value for position, value in enumerate(args)}


def _value_of(example: Mapping[str, Any], name: str) -> Any:
    position = _POSITION.fullmatch(name)
    value: Any = example.get(position[1] if position else name.partition(".")[0])
    for key in name.split(".")[1:]:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _rank(example: Mapping[str, Any], name: str) -> int:
    value = _value_of(example, name)
    return value.dim() if isinstance(value, torch.Tensor) else 0


def _call(method: str, entry: Any, values: _Inputs, example: Mapping[str, Any], file: Path) -> Example:
    """A call; what the example has as a Python number is one."""

    def converted(name: str, array: np.ndarray[Any, Any]) -> Any:
        number = not isinstance(_value_of(example, name), torch.Tensor)
        return array.item() if number and array.ndim == 0 else TensorValue(array, str(array.dtype))

    positional = sorted((int(m[1]), name) for name in values if (m := _POSITION.fullmatch(name)))
    names = [name for _, name in positional] + [name for name in values if not _POSITION.fullmatch(name)]
    specs = [
        InputSpec("" if _POSITION.fullmatch(name) else name, converted(name, np.asarray(values[name])))
        for name in names
    ]
    args, kwargs = bind(specs)
    arguments = [map_values(value, as_tensor) for value in args]
    named = {name: map_values(value, as_tensor) for name, value in kwargs.items()}
    try:
        bound = inspect.signature(entry).bind(*arguments, **named)
    except TypeError as error:
        raise usage(f"a call in {file} does not fit the program: {error}") from None
    return Example(method, bound.args, bound.kwargs)

"""Where the calls that are timed come from: the command line, a function of a file, a bundle's examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from dyncc.compiler.bench.calls import Call, Packed, pack
from dyncc.compiler.cli.discover import split_arguments
from dyncc.compiler.cli.exits import usage
from dyncc.compiler.cli.inputs import TensorValue, bind, map_values, parse_inputs
from dyncc.compiler.cli.usercode import display, import_file, user_code
from dyncc.runtime import read_bundle
from dyncc.runtime.bundle import EXAMPLES
from dyncc.runtime.examples import unpack
from dyncc.runtime.program import Fixed, Input

FUNCTION = "bench_inputs"
"""A file's own function that makes the calls."""


def specified_call(specs: Iterable[str], file: Path | None) -> Call:
    """The call of ``--input`` and ``--inputs FILE.npz``."""
    args, kwargs = bind(parse_inputs(specs, file))
    return Call(tuple(map_values(value, _packed) for value in args), map_values(kwargs, _packed))


def default_calls(module: ModuleType) -> list[Call]:
    """The calls that ``bench_inputs()`` of the model's own file makes; none where it has none."""
    return _made(module, FUNCTION) if callable(getattr(module, FUNCTION, None)) else []


def function_calls(path: Path, name: str) -> list[Call]:
    """The calls that the function ``name`` of a file makes."""
    return _made(import_file(path), name)


def _made(module: ModuleType, name: str) -> list[Call]:
    file = Path(module.__file__ or "")
    function = getattr(module, name, None)
    if not callable(function):
        raise usage(f"{display(file)} has no function `{name}`", notes=["named by --inputs"])
    with user_code(f"{name}() in {display(file)}", file):
        made = function()
    if not isinstance(made, list | tuple) or not made:
        raise usage(
            f"`{name}()` in {display(file)} must return a list of calls",
            "each a tuple of arguments, a dict of named ones, or (args, kwargs)",
        )
    return calls_of(made)


def calls_of(items: Sequence[Any]) -> list[Call]:
    """Calls as users write them: tuples of arguments, dicts of named ones, pairs of both, single values."""
    split = map(split_arguments, items)
    return [Call(pack(args), pack(kwargs)) for args, kwargs in split]


def kept_calls(bundle: Path) -> list[Call]:
    """The examples of a bundle whose arguments are tensors and numbers, each a parameter by itself."""
    manifest = read_bundle(bundle).manifest
    found: list[Call] = []
    methods = manifest.program.methods
    for example in manifest.examples:
        if example.raises or (len(methods) > 1 and example.method != "forward"):
            continue
        with np.load(bundle / EXAMPLES, allow_pickle=False) as stored:
            values = {name: unpack(packed, stored) for name, packed in example.inputs.items()}
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for parameter in methods[example.method].parameters:
            tree = parameter.tree
            if isinstance(tree, Fixed) and not tree.opaque:
                value: Any = tree.value
            elif isinstance(tree, Input):
                value = pack(values[tree.name])
            else:
                break
            if parameter.kind == "keyword":
                kwargs[parameter.name] = value
            else:
                args.append(value)
        else:
            found.append(Call(tuple(args), kwargs))
    return found


def _packed(value: TensorValue) -> Packed:
    if value.dtype == "bfloat16":
        bits = np.ascontiguousarray(value.array, np.float32).view(np.uint32) >> 16
        return Packed(bits.astype(np.uint16), "bfloat16")
    return Packed(value.array, value.dtype)

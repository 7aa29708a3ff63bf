"""``dyncc run BUNDLE``: one call, without torch; outputs to the terminal, to a file, or as JSON."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dyncc.compiler.cli.bundles import existing, raised
from dyncc.compiler.cli.console import Console
from dyncc.compiler.cli.exits import CliError, Exit, usage
from dyncc.compiler.cli.inputs import DTYPES, as_numpy, bind, map_values, parse_inputs
from dyncc.compiler.report.words import count
from dyncc.ir.printer import parameter_text
from dyncc.runtime import DynccError, Net, load
from dyncc.runtime import Path as Taken
from dyncc.runtime.program import Fixed, Input, InputNode, InputTree, ScalarType, TensorType

PREVIEW = 6
SOME_NUMBER = {"int": "1", "float": "0.5", "bool": "true", "str": "text"}
SOME_SIZE = "2"
"""Stands in an example of what to type for a size that is free."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The command line of ``dyncc run``."""

    bundle: Path
    inputs: tuple[str, ...] = ()
    inputs_file: Path | None = None
    method: str | None = None
    output: Path | None = None
    threads: int | None = None
    device: str | None = None
    fallback: bool = False
    seed: int | None = None


def run_bundle(options: RunOptions, console: Console) -> None:
    """The whole command. Raises CliError or an error of the runtime."""
    specs = parse_inputs(options.inputs, options.inputs_file)
    args, kwargs = bind(specs)
    net = load(
        existing(options.bundle),
        threads=options.threads,
        device=options.device,
        fallback=options.fallback,
    )
    Net.seed(net, options.seed)
    name = _method_name(net, options.method)
    if not specs and _required_specs(net, name):
        raise usage(
            "no inputs",
            "name them: " + " ".join(_required_specs(net, name)),
            notes=[f"it takes {_signature(net, name)}"],
        )
    taken = Taken()
    started = time.perf_counter()
    arrays = [map_values(value, as_numpy) for value in args]
    output = _call(net, name, arrays, map_values(kwargs, as_numpy), taken)
    elapsed = time.perf_counter() - started
    leaves = dict(flatten(output))
    if options.output:
        save_leaves(options.output, leaves)
    decisions = count(len(taken.decisions(net.program)), "decision")
    console.say(f"ran {name} in {1e3 * elapsed:.1f} ms, {decisions}")
    console.detail("path: " + " → ".join(taken.blocks))
    console.product(
        "\n".join(f"{path or 'output'}: {describe(value)}" for path, value in leaves.items()),
        {
            "method": name,
            "seconds": elapsed,
            "blocks": taken.blocks,
            "outputs": {path or "output": to_json(value) for path, value in leaves.items()},
        },
    )


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of an output with their places, as one would write them: ``[0].logits``.

    A container without items is a leaf.
    """
    if _is_empty(value):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from flatten(item, f"{path}[{key!r}]")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from flatten(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        for name in value._fields:  # type: ignore[attr-defined]
            yield from flatten(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from flatten(item, f"{path}[{index}]")
    else:
        yield path, value


def _is_empty(value: Any) -> bool:
    return isinstance(value, dict | tuple | list | set | frozenset) and not value


def describe(value: Any) -> str:
    """One line about an output: its type, and its first numbers."""
    if not isinstance(value, np.ndarray):
        return repr(value)
    shape = ", ".join(map(str, value.shape))
    numbers = " ".join(f"{number:.4g}" for number in value.ravel()[:PREVIEW].tolist())
    more = " …" if value.size > PREVIEW else ""
    return f"{value.dtype}[{shape}]  {numbers}{more}"


def to_json(value: Any) -> Any:
    """A leaf as JSON: arrays with dtype, shape and data; sets as lists; infinities and NaN as text."""
    if isinstance(value, np.ndarray):
        data = [_finite(number) for number in value.ravel().tolist()]
        return {"dtype": str(value.dtype), "shape": list(value.shape), "data": data}
    if isinstance(value, set | frozenset):
        return [_finite(item) for item in _listed(value)]
    return _finite(value)


def _listed(items: AbstractSet[Any]) -> list[Any]:
    """The items of a set in one order."""
    return sorted(items, key=repr)


def _finite(number: Any) -> Any:
    return repr(number) if isinstance(number, float) and not math.isfinite(number) else number


def _method_name(net: Net, wanted: str | None) -> str:
    if wanted is not None:
        if wanted not in net.methods:
            raise usage(f"the bundle has no method `{wanted}`", notes=[_methods(net)])
        return wanted
    if len(net.methods) == 1 or "forward" in net.methods:
        return "forward" if "forward" in net.methods else net.methods[0]
    raise usage("the bundle has several methods", "choose one: --method NAME", notes=[_methods(net)])


def _methods(net: Net) -> str:
    return "its methods: " + ", ".join(f"`{name}`" for name in net.methods)


def _required_specs(net: Net, name: str) -> list[str]:
    """What to type for the parameters that a call must give."""
    parameters = net.program.methods[name].parameters
    required = [p for p in parameters if not p.optional and p.kind in ("positional", "keyword")]
    return [f"--input {spec}" for p in required for spec in _specs(p.name, p.tree)]


def _specs(name: str, tree: InputTree) -> list[str]:
    match tree:
        case Input(type=TensorType(dtype=dtype, shape=shape)):
            short = next((short for short, long in DTYPES.items() if long == dtype), dtype)
            sizes = "x".join(str(dim) if isinstance(dim, int) else SOME_SIZE for dim in shape)
            return [f"{name}={sizes or 'scalar'}:{short}"]
        case Input(type=ScalarType(kind=kind)):
            return [f"{name}={SOME_NUMBER[kind]}:{kind}"]
        case InputNode(kind="dict", children=children, keys=keys):
            return [
                spec
                for key, child in zip(keys, children, strict=True)
                for spec in _specs(f"{name}.{key}", child)
            ]
        case Fixed(value=value, opaque=""):
            return [f"{name}={'none' if value is None else value}"]
        case _:
            return [f"{name}=…"]


def _signature(net: Net, name: str) -> str:
    parameters = net.program.methods[name].parameters
    return f"`{name}({', '.join(parameter_text(parameter) for parameter in parameters)})`"


def _call(net: Net, name: str, args: Sequence[Any], kwargs: dict[str, Any], taken: Taken) -> Any:
    """The call. What the program itself raises is no fault of the bundle: exit code 1, as it says it."""
    try:
        return net.method(name)(*args, **kwargs, trace=taken)
    except DynccError:
        raise
    except Exception as error:
        paths = [source.path for source in net.manifest.sources]
        raise CliError(Exit.REFUSED, [raised(error, paths)]) from error


def _as_array(value: Any) -> np.ndarray:
    return np.asarray(_listed(value) if isinstance(value, set | frozenset) else value)


def save_leaves(file: Path, leaves: dict[str, Any]) -> None:
    """All leaves that are arrays or can be (a dict without items, for one, cannot)."""
    arrays = {path or "output": _as_array(value) for path, value in leaves.items()}
    try:
        np.savez(file, **{path: array for path, array in arrays.items() if array.dtype != object})  # type: ignore[arg-type]
    except OSError as error:
        raise usage(f"cannot write {file}: {error.strerror}") from None

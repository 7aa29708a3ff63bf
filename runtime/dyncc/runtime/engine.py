"""What the runtime asks of an engine.

An engine turns the file of a graph into a function from arrays to arrays. It is handed every graph of a
program, so that it can share what they have in common (threads, device memory). One file an engine:
:mod:`dyncc.runtime.engine_onnxruntime`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dyncc.runtime.records import frozen

Run = Callable[..., Any]
"""A loaded graph: takes its inputs in order; returns its output, or a sequence of its outputs if several.

Inputs and outputs are arrays, or what the same engine returned before (a value that stays on a device);
such a value has ``shape``, ``item()`` and ``__array__``. Inputs are never written to.
"""


@frozen
class Port:
    """An input or output of a graph: its name in the file, and its type."""

    name: str
    dtype: str
    shape: tuple[int | str, ...] = ()


@frozen
class Graph:
    """A graph that is to be loaded. ``numbers``: inputs that may come as Python numbers, with dtypes."""

    name: str
    path: Path
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    numbers: Mapping[int, str] = field(default_factory=dict[int, str])


class Engine(Protocol):
    """An engine, made for one program."""

    name: str
    keep: bool
    """Whether the values between graphs stay with the engine (then they are no arrays)."""

    def load(self, graph: Graph) -> Run:
        """``graph`` as a function. Raises EngineError where the engine refuses it."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """What runs: the library's version, providers, threads."""
        ...


def number_dtypes(kinds: Mapping[int, str]) -> dict[int, str]:
    """The dtypes as which numbers travel: int64, float64, bool."""
    return {
        index: {"int": "int64", "float": "float64", "bool": "bool"}[kind] for index, kind in kinds.items()
    }


def as_numbers(inputs: tuple[Any, ...], numbers: Mapping[int, str]) -> list[Any]:
    """``inputs`` with Python numbers as 0-d arrays of the dtypes that ``numbers`` gives."""
    values = list(inputs)
    for index, dtype in numbers.items():
        if not hasattr(values[index], "shape"):
            values[index] = np.array(values[index], dtype=dtype)
    return values

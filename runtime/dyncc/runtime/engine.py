"""What the runtime asks of an engine.

An engine turns the file of a graph into a function from arrays to arrays. It is handed every graph of a
program that is for it, so that it can share what they have in common (threads, device memory). One file an
engine: :mod:`dyncc.runtime.engine_onnxruntime`, ``engine_tvm``, ``engine_inductor``; those of others come
through the entry points of the group ``dyncc.engines`` (``docs/writing-an-engine.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from dyncc.runtime.records import frozen

if TYPE_CHECKING:
    from pathlib import Path

IN_RANGE = "dyncc.in_range"
"""A graph's last output, which says whether all indices were in range, for engines that do not look."""

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


def no_weights() -> Sequence[np.ndarray]:
    """The weights of an artifact that holds its own."""
    return ()


@frozen
class Graph:
    """A graph that is to be loaded. ``numbers``: inputs that may come as Python numbers, with dtypes.

    ``file`` is the one for ``engine``: the ONNX model, or what the engine's compiler made of it. Then
    ``requires`` is what that recorded of the place where it runs, ``weights`` gives the arrays that the
    artifact takes after its inputs (aligned to 64 bytes, read-only by agreement), and ``support`` is the
    folder with the engine's own files, if the bundle brings some.
    """

    name: str
    file: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    numbers: Mapping[int, str] = field(default_factory=dict[int, str])
    engine: str = "onnxruntime"
    requires: Mapping[str, Any] = field(default_factory=dict[str, Any])
    weights: Callable[[], Sequence[np.ndarray]] = no_weights
    support: str | None = None

    @property
    def path(self) -> Path:
        """``file`` as a path."""
        from pathlib import Path  # 3 ms of a process that only loads bundles

        return Path(self.file)


@frozen
class Setup:
    """How an engine is to run: threads for one operator (None: all cores), the device (``cpu``, ``cuda``,
    ``cuda:1``), how many graphs will be loaded, and whether they may share a pool of threads with all else
    in the process (see :func:`~dyncc.runtime.load`)."""

    threads: int | None = None
    device: str = "cpu"
    graphs: int = 1
    shared_pool: bool = True


class Engine(Protocol):
    """An engine, made for one program."""

    name: str
    keep: bool
    """Whether the values between graphs stay with the engine (then they are no arrays). An engine that
    takes other libraries' tensors where they are has a method ``adopt``
    (:data:`dyncc.runtime.arrays.Adopt`), and one whose first calls take long a method ``warm``, which gets
    a graph and what :meth:`load` made of it."""

    def load(self, graph: Graph) -> Run:
        """``graph`` as a function.

        Raises EngineError where the engine refuses it, IncompatibleArtifact where it was built for another
        processor or version, EngineMissing where a library that it needs is not there.
        """
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

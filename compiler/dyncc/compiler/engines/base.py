"""What the compiler asks of an engine: blocks in, artifacts out.

The other half, which loads an artifact and runs it, is :class:`dyncc.runtime.engine.Engine`. Those of dyncc
are one module each here; those of others come through entry points of the group
:data:`COMPILERS_GROUP`, each a callable that takes :class:`EngineOptions` (``docs/writing-an-engine.md``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx_ir
import torch
from torch import fx

from dyncc.runtime import processor
from dyncc.runtime.engine import Port
from dyncc.runtime.errors import EngineMissing

COMPILERS_GROUP = "dyncc.compilers"


@dataclass(frozen=True)
class EngineOptions:
    """What the user asks of engines. ``engine`` is a name, or ``auto`` for the fastest of those present.

    ``target`` names another processor than the one here (an engine says which it knows), ``tune`` is a
    number of trials for a search of schedules, ``threads`` are those of one operator, ``device`` is where
    the blocks are to run.
    """

    engine: str = "onnxruntime"
    target: str | None = None
    tune: int = 0
    threads: int | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class BlockSource:
    """A block that is to be compiled: the ONNX model, and what it was made from.

    ``recorded`` is the recorded PyTorch graph, None where the model is no longer its equal (it was pruned);
    ``kept`` are those of the recorded graph's inputs that the model has, in order, ``weights`` the tensors
    that the recorded graph names. ``examples`` are inputs of the model, ``numbers`` the inputs that may
    come as Python numbers, with their dtypes.
    """

    name: str
    model: onnx_ir.Model
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    numbers: Mapping[int, str] = field(default_factory=dict[int, str])
    recorded: fx.Graph | None = None
    kept: tuple[int, ...] = ()
    weights: Mapping[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    examples: Sequence[Sequence[np.ndarray[Any, Any]]] = ()


@dataclass(frozen=True)
class Built:
    """An artifact: a file, and what the runtime has to know.

    ``weights`` names initializers of the model, of more than 256 bytes each, that the artifact takes as
    further inputs; others it holds itself. ``requires`` is data for the engine's loader (str, int, float,
    bool); see :func:`requirements`.
    """

    path: Path
    weights: tuple[str, ...] = ()
    requires: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Unable:
    """Why an engine does not take a block: one line. The block is left to ONNX Runtime."""

    reason: str


class BlockCompiler(Protocol):
    """Makes artifacts for one engine: ``name`` is its, ``suffix`` that of its files (``.tvm.so``)."""

    name: str
    suffix: str

    def require(self) -> None:
        """Raise EngineMissing, with what to install, where it cannot work here."""
        ...

    def compile(self, blocks: Sequence[BlockSource], folder: Path) -> Mapping[str, Built | Unable]:
        """An artifact in ``folder`` for each block, by name, or why there is none."""
        ...

    def support(self) -> Mapping[str, Path]:
        """Files that every bundle with its artifacts is to bring, by the names that they have there."""
        ...

    def runs_here(self) -> bool:
        """Whether the artifacts can be loaded by this machine, so that they are checked and timed."""
        ...


def _tvm(options: EngineOptions) -> BlockCompiler:
    from dyncc.compiler.engines.tvm import TvmCompiler

    return TvmCompiler(options)


def _inductor(options: EngineOptions) -> BlockCompiler:
    from dyncc.compiler.engines.inductor import InductorCompiler

    return InductorCompiler(options)


BUILT_IN: Mapping[str, Callable[[EngineOptions], BlockCompiler]] = {"tvm": _tvm, "inductor": _inductor}
"""The engines of dyncc that compile blocks. ONNX Runtime does not: it runs the ONNX files."""


def engine_names() -> list[str]:
    """Every name that ``engine`` may have, but for ``auto``."""
    from importlib.metadata import entry_points

    others = {entry.name for entry in entry_points(group=COMPILERS_GROUP)}
    return ["onnxruntime", *BUILT_IN, *sorted(others - set(BUILT_IN))]


def block_compiler(name: str, options: EngineOptions) -> BlockCompiler:
    """The compiler of that engine. Raises ValueError for a name that is none, EngineMissing."""
    factory = BUILT_IN.get(name)
    if factory is None:
        from importlib.metadata import entry_points

        entries = list(entry_points(group=COMPILERS_GROUP, name=name))
        if not entries:
            raise ValueError(f"there is no engine `{name}`: one of auto, {', '.join(engine_names())}")
        try:
            factory = entries[0].load()
        except Exception as error:  # whatever the import of another's module raises
            raise EngineMissing(
                f"the engine {name!r} of {entries[0].value} cannot be imported ({error})"
            ) from error
    return factory(options)


def requirements(**more: Any) -> dict[str, Any]:
    """What machine code that was made for this very processor requires, and ``more``."""
    here = processor.features() or frozenset()
    features = sorted(name for name in processor.WATCHED if processor.known_as(name) in here)
    return {
        "system": sys.platform,
        "machine": processor.machine(),
        "features": " ".join(features),
        **more,
    }

"""Snapshots: a state of the program as data, with its memo key.

The key is the program point of every frame, the live static part of the state, the types of its dynamic
part and its alias partition (Jones, Gomard & Sestoft, ch. 4; storages and views besides). Two states of
equal key continue alike, so they share a block whose parameters are the *leaves*: tensors, numbers and
lists.

Besides its key a snapshot has a *skeleton*: the key without the values of numbers and texts, without the
lengths of lists. States of equal skeleton and different key are candidates for generalization.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from dyncc.compiler.specialize.execution.frames import Frame
from dyncc.compiler.specialize.state.heap import Content
from dyncc.compiler.specialize.state.leaves import Leaf, Path, Slot
from dyncc.compiler.specialize.state.sizes import Ranges
from dyncc.compiler.specialize.values import (
    Derivation,
    SymTensor,
)


@dataclass
class Snapshot:
    point: tuple[Any, ...]
    key: tuple[Any, ...]
    skeleton: tuple[Any, ...]
    shapeless: tuple[Any, ...]
    slots: dict[Path, Slot]
    sizes: dict[Path, tuple[Any, ...]]
    leaves: list[Leaf]
    views: list[tuple[SymTensor, Derivation]]
    marks: dict[Path, set[Any]]
    frames: list[Frame]
    objects: list[tuple[Any, Content, Path]]
    modes: Modes
    hints: dict[str, int]
    origins: frozenset[Any]
    size_places: frozenset[Any]
    ranges: Ranges
    classes: dict[Path, tuple[Any, int]]
    """Which lists of run-time length grow together. With the ranges they end the key."""
    tensor_paths: dict[Path, SymTensor]
    watched: list[tuple[list[Any], frozenset[Any]]]
    dirty: frozenset[int]
    """The objects that were there before and are described, by identity: those that differ from it."""
    inputs: Any = None
    """The inputs of the entry that the state comes from (for writes into arguments)."""


@dataclass(frozen=True)
class Modes:
    """PyTorch's global modes that a program may change: part of the key and of the block."""

    grad: bool
    autocast: bool
    autocast_dtype: torch.dtype
    default_dtype: torch.dtype

    @staticmethod
    def now() -> Modes:
        return Modes(
            torch.is_grad_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.get_autocast_dtype("cpu"),
            torch.get_default_dtype(),
        )

    def enter(self) -> None:
        torch._C._set_grad_enabled(self.grad)
        torch.set_autocast_enabled("cpu", self.autocast)
        torch.set_autocast_dtype("cpu", self.autocast_dtype)
        torch.set_default_dtype(self.default_dtype)

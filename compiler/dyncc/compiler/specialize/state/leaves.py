"""Leaves: the dynamic parts of a state, each an argument of an edge and a parameter of a block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dyncc.compiler.specialize.recording.block import BlockBuilder
from dyncc.compiler.specialize.values import DynamicList, Scalar, SymTensor
from dyncc.runtime.program import Operand

Path = tuple[Any, ...]


@dataclass
class Slot:
    """A static value that may be generalized: ``kind`` is ``number``, ``text`` (or a member of an
    enum), ``list``, ``sharing``, ``constant`` or ``weight``."""

    kind: str
    value: Any


@dataclass
class Leaf:
    """A dynamic part of the state: an argument of the edge, a parameter of the block.

    ``operand`` gives the argument in the block that is left; ``bind`` makes the parameter in the one that
    begins, and binds the program's value to it.
    """

    path: Path
    operand: Callable[[], Operand]
    bind: Callable[[BlockBuilder, Instance], None]
    operand_at_capture: Any = None
    weight: str = ""
    """The weight that it is in this state."""


@dataclass
class Instance:
    """What a block that begins from a snapshot puts in place of generalized values."""

    replacements: dict[Path, Any] = field(default_factory=dict[Path, Any])
    lists: dict[int, Any] = field(default_factory=dict[int, Any])
    columns: dict[int, list[DynamicList]] = field(default_factory=dict[int, "list[DynamicList]"])


class DimLeaf(Leaf):
    """A number that is a size of a live tensor: no argument, bound again to that size.

    ``where`` is the path of a tensor that is a parameter under a new wrapper.
    """

    def __init__(
        self, path: Path, scalar: Scalar, tensor: SymTensor, axis: int, where: Path | None
    ) -> None:
        def bind(block: BlockBuilder, instance: Instance) -> None:
            live = tensor if where is None else instance.replacements[where]
            scalar.expr = block.dim_scalar(live, axis).expr

        super().__init__(path, lambda: None, bind)  # type: ignore[arg-type, return-value]


class ConstantLeaf(Leaf):
    """A small tensor whose value is known: no argument, a weight of the next block."""

    def __init__(self, path: Path, tensor: SymTensor) -> None:
        constant = tensor.constant
        assert constant is not None

        def bind(block: BlockBuilder, instance: Instance) -> None:
            real = block.recorder.canonical_constant(constant)
            tensor.node, tensor.fake = block.recorder.private_constant(real)
            tensor.derivation = None
            tensor.constant = constant
            block.made.append(tensor)

        super().__init__(path, lambda: None, bind)  # type: ignore[arg-type, return-value]


def has_argument(leaf: Leaf) -> bool:
    return not isinstance(leaf, (DimLeaf, ConstantLeaf))


def hint_of(path: Path) -> str:
    """The user's name for a slot: the variable, or the attribute."""
    for part in reversed(path[1:] if path[:1] == ("frame",) else path):
        if isinstance(part, str) and not part.startswith("%") and part not in (".tag", ".frame"):
            return part.lstrip(".").split(".")[-1].split("$")[0] or "v"
        if isinstance(part, tuple) and len(part) == 2 and isinstance(part[1], str):
            return part[1]
    return "v"


def is_member(path: Path) -> bool:
    """Whether a place is in a set, whose members have to be known: they are told apart by their hash.

    So have the parts of members that are tuples.
    """
    parts = list(path)
    while parts and type(parts[-1]) is tuple and parts[-1][0] == "item":
        parts.pop()
    return bool(parts) and type(parts[-1]) is tuple and parts[-1][0] == "member"

"""What a check was given and what it found."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from dyncc.compiler.diagnostics import Diagnostic
from dyncc.runtime.program import Span


@dataclass(frozen=True)
class Example:
    """A call of ``method`` as the user would make it."""

    method: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def copied(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Fresh arguments: tensors keep their strides and share memory as the originals do."""
        return copy.deepcopy((self.args, dict(self.kwargs)))


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The compiled program differs: ``text`` says how, ``block`` and ``span`` where, ``case`` when."""

    text: str
    block: str = ""
    span: Span | None = None
    case: str = ""

    def diagnostic(self) -> Diagnostic:
        """As an error for the user."""
        shown = "" if self.span else self.text  # without a span there is nothing to write it at
        notes = tuple(
            note for note in (shown, self.block and f"in block `{self.block}`", self.case) if note
        )
        return Diagnostic(
            "DY301",
            "the compiled program differs from the original",
            self.span,
            self.text,
            notes=notes,
            helps=(
                "make the program give the same each time it is called alike, if it does not; "
                "else this is a fault of dyncc: please report it",
            ),
        )


@dataclass(frozen=True, slots=True)
class NearTie:
    """A decision whose value lies within rounding of its threshold."""

    text: str
    span: Span | None = None


Edge = tuple[str, int]
"""A block and the number of an edge of its terminator."""


@dataclass
class Report:
    """The result of a check. ``largest_error`` is absolute, over all values that agree or not."""

    cases: int = 0
    aborted: int = 0
    """Cases given up because they ran too long on either side."""
    folded: int = 0
    """Reads of the original that the program does not make, since it was compiled with their values."""
    largest_error: float = 0.0
    mismatches: list[Mismatch] = field(default_factory=list[Mismatch])
    near_ties: list[NearTie] = field(default_factory=list[NearTie])
    raised: list[str] = field(default_factory=list[str])
    """What the original raises on the examples."""
    edges: frozenset[Edge] = frozenset()
    covered: set[Edge] = field(default_factory=set[Edge])
    stopped: bool = False
    """Whether the time or the number of cases was at its end before the cases were."""
    harvest: dict[str, list[tuple[torch.Tensor, ...]]] = field(
        default_factory=dict[str, "list[tuple[torch.Tensor, ...]]"]
    )
    """Inputs with which each graph was run."""

    @property
    def uncovered(self) -> list[Edge]:
        return sorted(self.edges - self.covered)

"""Cases of the coverage suite: one small program for each Python construct or PyTorch idiom.

A case is a function or a module class with a decision on a tensor in it, declared under a table::

    branches = table("Statements", "Branches")

    @branches("`if`, `elif`, `else`")
    def chain(x): ...

The calls of a case go in sequence to one model, so state is seen; a list in them is a tensor.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

GROUPS = (
    "statements",
    "managers",
    "assignments",
    "functions",
    "classes",
    "special_methods",
    "numbers",
    "texts",
    "lists",
    "containers",
    "iterators",
    "tensors",
    "sizes",
    "operators",
    "arrays",
    "libraries",
    "state",
)
"""The modules with cases, in the order of the page."""

VECTORS = ([1, 2, 3, 4], [-1, -2, -3, -4], [0.5, -3, 2, -0.25], [9, 0, -2, 3], [0, 0, 0, 0])
"""The calls of a case that gives none: one vector each."""


@dataclass(frozen=True, eq=False)
class Case:
    """One construct. ``refused`` is the code of the refusal that it is known for, or None.

    ``calls`` are tuples of arguments; with ``methods`` the name of a method comes first in each.
    """

    construct: str
    group: str
    table: str
    program: Any
    arguments: Sequence[Sequence[Any]]
    refused: str | None = None
    note: str = ""
    methods: tuple[str, ...] = ()
    dynamic: Any = None

    @property
    def id(self) -> str:
        """What a test of the case is called."""
        return f"{self.program.__module__.rpartition('.')[2]}-{self.program.__name__}"

    def build(self) -> Any:
        """A fresh model."""
        if not isinstance(self.program, type):
            return self.program
        torch.manual_seed(0)
        return self.program().eval()

    def calls(self) -> list[tuple[Any, ...]]:
        """Fresh arguments of all calls."""
        return [tuple(_tensors(arg) for arg in args) for args in self.arguments]


def _tensors(arg: Any) -> Any:
    """``arg`` with lists as tensors, and tensors copied, since programs may write to them."""
    if isinstance(arg, list):
        made = torch.tensor(arg)
        return made if made.dtype == torch.bool or made.is_floating_point() else made.float()
    if isinstance(arg, torch.Tensor):
        return arg.clone()
    if isinstance(arg, dict):
        return {name: _tensors(value) for name, value in arg.items()}
    return tuple(_tensors(value) for value in arg) if isinstance(arg, tuple) else arg


@dataclass
class Table:
    """A table of the page; called, it is the decorator that declares a case."""

    group: str
    title: str
    cases: list[Case] = field(default_factory=list)

    def __call__(
        self,
        construct: str,
        *,
        calls: Sequence[Any] = VECTORS,
        refused: str | None = None,
        note: str = "",
        methods: tuple[str, ...] = (),
        dynamic: Any = None,
    ) -> Callable[[Any], Any]:
        """Declare the function or module class below as a case; a call that is no tuple is one argument."""
        arguments = [call if isinstance(call, tuple) else (call,) for call in calls]

        def declare(program: Any) -> Any:
            self.cases.append(
                Case(construct, self.group, self.title, program, arguments, refused, note, methods, dynamic)
            )
            return program

        return declare


TABLES: list[Table] = []


def table(group: str, title: str) -> Table:
    """A new table at the end of its group."""
    made = Table(group, title)
    TABLES.append(made)
    return made


def all_cases() -> list[Case]:
    """Every case, in the order of the page."""
    for name in GROUPS:
        importlib.import_module(f"tests.coverage.{name}")
    return [case for each in TABLES for case in each.cases]


class Net(nn.Module):
    """A module with a small layer, the base of cases."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

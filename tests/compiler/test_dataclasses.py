"""The methods that ``dataclasses`` writes, where what they compare or are given is known at run time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from tests.compiler.functions import Net, inputs

from dyncc.compiler import compile


@dataclass(order=True)
class Entry:
    priority: float
    node: int = 0
    note: str = field(default="", compare=False)


@dataclass(frozen=True)
class Step:
    size: float
    kept: list[int] = field(default_factory=list)
    scale: InitVar[float] = 2.0
    total: float = field(init=False, default=0.0)
    made: ClassVar[int] = 3

    def __post_init__(self, scale: float) -> None:
        if self.size > 1:
            object.__setattr__(self, "total", self.size * scale)
        elif self.size < 0.5:
            self.kept.append(1)


@dataclass
class Longer(Entry):
    more: float = 1.0


def best_first(x: torch.Tensor) -> Any:
    heap = [Entry(0.0)]
    seen = []
    for _ in range(3):
        entry = heapq.heappop(heap)
        seen.append(entry.node)
        for i in range(2):
            heapq.heappush(heap, Entry(entry.priority + x[(entry.node + i) % 4].item(), entry.node + i + 1))
    return seen, heap[0].priority, min(heap).node


def compared(x: torch.Tensor) -> Any:
    one, other = Entry(x[0].item(), 1), Entry(x[1].item(), int(x[2]), "other")
    longer = Longer(x[0].item(), 1)
    return one == other, one != other, one < other, one >= other, longer == one


def initialized(x: torch.Tensor) -> Any:
    one = Step(x[0].item())
    other = Step(x[1].item(), [3], scale=x[2].item())
    return one.total, one.kept, other.total, other.kept, one == other, hash((one.made, 1)) == hash((3, 1))


@pytest.mark.parametrize("function", [best_first, compared, initialized], ids=lambda f: f.__name__)
def test_methods_of_dataclasses(function: Callable[[torch.Tensor], Any], tmp_path: Path) -> None:
    examples = [((x,), {}) for x in inputs()]
    net = compile(Net(function), (inputs()[0],), examples=examples, output=tmp_path / "n")
    for x in inputs():
        assert net(x) == function(x)

"""Lists of dynamic length: a list value of the block, followed by what was appended in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize.values.decisions import builder, decide
from dyncc.runtime.program import Operand, Type

if TYPE_CHECKING:
    pass


class DynamicList(list):  # type: ignore[type-arg]
    """A list whose length is known only when the network runs.

    It is ``base`` (a list value of the block, or None for an empty one) followed by ``tail``, what was
    appended in this block. The machine models append, pop, len, indexing, iteration, stack and cat.
    """

    element: Any
    base: Operand | None
    tail: list[Any]
    origins: frozenset[Any]
    shared: bool
    """Whether it is an element of another list: a change could not be seen there, so it must not be."""

    def __init__(
        self, element: Any, base: Operand | None, origins: frozenset[Any], shared: bool = False
    ) -> None:
        super().__init__()
        self.shared = shared
        self.element = element
        self.base = base
        self.tail = []
        self.origins = origins

    def __len__(self) -> int:
        decide(self, "the length of a list that grows at run time")

    def __iter__(self) -> Iterator[Any]:
        decide(self, "the elements of a list that grows at run time")

    def __bool__(self) -> bool:
        decide(self, "the length of a list that grows at run time")

    def __repr__(self) -> str:
        decide(self, "the text of a list that grows at run time")

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def append(self, value: Any) -> None:
        builder().recorder.check_element(self, value)
        self.tail.append(value)


def _refuse_list(name: str) -> Callable[..., Any]:
    def method(self: DynamicList, *args: Any, **kwargs: Any) -> Any:
        decide(self, f"list.{name} on a list that grows at run time")

    method.__name__ = name  # the machine knows the operation by it
    return method


for _name in (
    "__getitem__", "__setitem__", "__delitem__", "__contains__", "__add__", "__radd__", "__iadd__",
    "__mul__", "__rmul__", "__imul__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__",
    "__reversed__", "extend", "insert", "remove", "pop", "clear",
    "index", "count", "sort", "reverse", "copy", "_elements",
):  # fmt: skip
    setattr(DynamicList, _name, _refuse_list(_name))


@dataclass(frozen=True)
class ListElement:
    """The type of a DynamicList's elements: a tensor's (symbols for sizes that vary), a number's, or that
    of a list of those."""

    type: Type

"""What the verifier's rules share: where they are, what they have found, and types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from dyncc.ir.printer import Place, type_text
from dyncc.ir.subtyping import accepts, conflict
from dyncc.runtime.program import (
    Block,
    Fixed,
    Input,
    InputNode,
    InputTree,
    ListType,
    Method,
    Node,
    Program,
    ScalarType,
    State,
    TensorType,
    Type,
)

G = TypeVar("G")

_SEQUENCES = ("tuple", "list", "set", "ndarray", "scalar", "rows")
_WITH_FIELDS = ("namedtuple", "dataclass")
_KINDS = (*_SEQUENCES, "dict", *_WITH_FIELDS, "record")


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken rule."""

    place: Place
    message: str


def inputs_of(tree: InputTree) -> list[Input]:
    """The inputs in a tree, from left to right."""
    match tree:
        case Input():
            return [tree]
        case Fixed():
            return []
        case InputNode(children=children):
            return [leaf for child in children for leaf in inputs_of(child)]


def method_inputs(method: Method) -> list[Input]:
    """The inputs of a method, in the order of its parameters."""
    return [leaf for parameter in method.parameters for leaf in inputs_of(parameter.tree)]


class Rules(Generic[G]):
    """Collects the problems of a program; ``self.here`` is the place that messages are about."""

    def __init__(self, program: Program[G], found: list[Problem]) -> None:
        self.program = program
        self.states = program.states or (State(),)
        self.found = found
        self.here: Place = ("program",)

    def problem(self, message: str) -> None:
        self.found.append(Problem(self.here, message))

    def named(self, what: str, name: str) -> None:
        if not name:
            self.problem(f"{what} has no name")

    def unique(self, what: str, names: Iterable[str]) -> None:
        for name, count in Counter(names).items():
            if count > 1:
                self.problem(f"{what} `{name}` is defined {count} times")

    def type(self, type_: Type) -> None:
        match type_:
            case TensorType(dtype, shape):
                if not dtype:
                    self.problem("a tensor has no dtype")
                for dim in shape:
                    if dim == "" or (isinstance(dim, int) and dim < 0):
                        self.problem(f"`{dim}` is no size")
            case ListType(element):
                self.type(element)
            case ScalarType(kind):
                if kind not in ("int", "float", "bool", "str"):
                    self.problem(f"`{kind}` is no kind of number")

    def container(self, node: Node | InputNode) -> None:
        if node.kind not in _KINDS:
            self.problem(f"`{node.kind}` is no kind of container")
            return
        wanted = 0 if node.kind in _SEQUENCES else len(node.children)
        if len(node.keys) != wanted:
            self.problem(f"a {node.kind} of {len(node.children)} takes {wanted} keys, not {len(node.keys)}")
        if len(set(node.keys)) != len(node.keys):
            self.problem(f"a {node.kind} has a key twice")
        if node.kind in _WITH_FIELDS and not all(isinstance(key, str) and key for key in node.keys):
            self.problem(f"the fields of a {node.kind} are names")

    def binding(self, block: Block, types: Sequence[Type], shown: Sequence[str]) -> None:
        """Check what the parameters of a block are bound to."""
        for param, type_, text in zip(block.params, types, shown, strict=True):
            if not accepts(param.type, type_):
                wanted = type_text(param.type)
                self.problem(
                    f"{text} is {type_text(type_)}; parameter `{param.name}` of `{block.name}` is {wanted}"
                )
                return
        if message := conflict([param.type for param in block.params], types):
            self.problem(f"in `{block.name}`, {message}")

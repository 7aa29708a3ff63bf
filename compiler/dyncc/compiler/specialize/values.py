"""What the program sees while it is specialized: tensors, numbers, lists and texts that are not known yet.

Each is a mutable cell with an identity of its own: the *object* stays the same from block to block, so that
``y = x`` is an alias in every block; what it stands for (a node of the current graph, a value of the
current block) is set anew whenever a block begins. Everything here refuses to be decided on: native Python
code that needs a concrete value gets a :class:`Decision`, and the machine then interprets that code.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import fx

from dyncc.runtime.program import Operand, Type

if TYPE_CHECKING:
    from dyncc.compiler.specialize.block import BlockBuilder


class Decision(BaseException):
    """Native code needed the value of ``subject``. Not an Exception: a program must not catch it."""

    def __init__(self, subject: object, what: str) -> None:
        super().__init__(what)
        self.subject = subject
        self.what = what


class Restart(BaseException):
    """A fact was learned that changes what was specialized before: begin again with it."""


DATA = ("data",)
"""The origin of a number that was read from a tensor: no restart makes it static."""

current: list[BlockBuilder] = []
"""The block that is being recorded (innermost last); empty outside of a specialization."""


def builder() -> BlockBuilder:
    if not current:
        raise RuntimeError("a value of a dyncc specialization was used after it ended")
    return current[-1]


def decide(subject: object, what: str) -> NoReturn:
    """Interrupt native code at a decision; the block remembers it in case the code catches all."""
    decision = Decision(subject, what)
    builder().note_decision(decision)
    raise decision


# --------------------------------------------------------------------------------------- tensors


class SymTensor(torch.Tensor):
    """A tensor of the program. ``fake`` is its shape and dtype, ``node`` what computes it in this block.

    ``derivation`` tells how a view is made from the tensor that it looks into, so that a later block can
    make it again from its base.
    """

    fake: torch.Tensor
    node: fx.Node
    derivation: Derivation | None
    hint: str
    constant: torch.Tensor | None
    """The real value, where it depends on constants alone and is small: reading it decides nothing."""

    @staticmethod
    def make(fake: torch.Tensor, node: fx.Node, hint: str = "") -> SymTensor:
        tensor = torch.Tensor._make_subclass(SymTensor, _EMPTY)
        tensor.fake = fake
        tensor.node = node
        tensor.derivation = None
        tensor.hint = hint
        tensor.constant = None
        return tensor

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if not current:
            raise RuntimeError("a tensor of a dyncc specialization was used after it ended")
        return builder().recorder.call(func, args, kwargs or {})

    def __hash__(self) -> int:
        return id(self)


_EMPTY = torch.empty(0)


@dataclass(frozen=True)
class Derivation:
    """A view: ``func(*args)`` of which ``base`` is one argument; ``path`` picks one of several results."""

    base: SymTensor | torch.Tensor
    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    path: tuple[int, ...]


# --------------------------------------------------------------------------------------- numbers

_KIND_TYPES = {"int": int, "float": float, "bool": bool}


@dataclass(frozen=True, eq=False)
class Expr:
    """How a number is computed in the current block: a leaf, or a host operation on others.

    Leaves: ``param`` (payload: name of the block parameter), ``item`` (payload: the 0-d SymTensor as it was
    when it was read), ``dim`` (payload: (SymTensor, axis)), ``host`` (payload: a pre-computed host value).
    """

    op: str
    operands: tuple[Any, ...]
    kind: str
    operand: Operand
    payload: Any = None


class Scalar:
    """A Python number known only when the network runs.

    ``kind`` is int, float or bool. ``origins`` are the places where a static number was generalized into
    this one (or :data:`DATA`): a use that needs it statically names them, and the compiler begins again
    with those kept static.
    """

    __slots__ = ("expr", "hint", "kind", "origins")

    def __init__(
        self, kind: str, expr: Expr, origins: frozenset[Any] = frozenset(), hint: str = ""
    ) -> None:
        self.kind = kind
        self.expr = expr
        self.origins = origins
        self.hint = hint

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # isinstance(n, int) must answer as for the number itself
        return _KIND_TYPES[self.kind]

    @property
    def operand(self) -> Operand:
        return self.expr.operand

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return builder().recorder.call(func, args, kwargs or {})

    # What would need the value:
    def __bool__(self) -> bool:
        decide(self, "the truth of a number")

    def __index__(self) -> int:
        decide(self, "a number as an index")

    def __int__(self) -> int:
        decide(self, "a number as an int")

    def __float__(self) -> float:
        decide(self, "a number as a float")

    def __hash__(self) -> int:
        decide(self, "the hash of a number")

    def __str__(self) -> str:
        decide(self, "the text of a number")

    def __repr__(self) -> str:
        decide(self, "the text of a number")

    def __format__(self, spec: str) -> str:
        decide(self, "the text of a number")

    def __round__(self, digits: int | None = None) -> Any:
        if digits is None:
            return scalar_op("round", self)
        return scalar_op("round_digits", self, digits)

    def __trunc__(self) -> Any:
        return scalar_op("int", self)

    def __floor__(self) -> Any:
        return scalar_op("math.floor", self)

    def __ceil__(self) -> Any:
        return scalar_op("math.ceil", self)

    def item(self) -> Scalar:
        raise AttributeError(f"'{self.kind}' object has no attribute 'item'")

    def is_integer(self) -> Any:
        return scalar_op("eq", scalar_op("math.floor", self), self)


def is_scalar(value: object) -> bool:
    """Whether ``value`` is a :class:`Scalar` (isinstance would be asked for its pretended class too)."""
    return type(value) is Scalar


_RESULT_KIND: dict[str, str] = {
    **dict.fromkeys(("lt", "le", "gt", "ge", "eq", "ne", "not", "bool"), "bool"),
    **dict.fromkeys(("math.isnan", "math.isinf", "math.isfinite"), "bool"),
    **dict.fromkeys(("int", "round", "math.floor", "math.ceil", "math.trunc"), "int"),
    **dict.fromkeys(("truediv", "float", "round_digits"), "float"),
}


def result_kind(op: str, kinds: tuple[str, ...]) -> str:
    """The Python type of a host operation's result, from those of its operands."""
    if op in _RESULT_KIND:
        return _RESULT_KIND[op]
    if op.startswith("math."):
        return "float"
    if op in ("and_", "or_", "xor") and all(kind == "bool" for kind in kinds):
        return "bool"
    if op in ("min", "max", "select"):
        relevant = kinds[1:] if op == "select" else kinds
        return relevant[0] if len(set(relevant)) == 1 else "mixed"
    if "float" in kinds:
        return "float"
    return "int"


def kind_of(value: object) -> str | None:
    """``int``, ``float`` or ``bool`` of a number, static or not; None for anything else."""
    if type(value) is Scalar:
        return value.kind
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    return "float" if isinstance(value, float) else None


def origins_of(values: tuple[Any, ...]) -> frozenset[Any]:
    found: frozenset[Any] = frozenset()
    for value in values:
        if type(value) is Scalar:
            found |= value.origins
    return found


def scalar_op(op: str, *operands: Any) -> Any:
    """Record a host operation on numbers, at least one of which is a Scalar."""
    kinds = tuple(kind_of(operand) for operand in operands)
    if None in kinds:
        return NotImplemented
    kind = result_kind(op, kinds)  # type: ignore[arg-type]
    if kind == "mixed":  # min(int, float): the kind of the result depends on the values
        decide(next(o for o in operands if type(o) is Scalar), "the type of a number")
    if op == "pow" and kind == "int" and not (isinstance(operands[1], int) and operands[1] >= 0):
        decide(operands[1], "the sign of an exponent")
    return builder().host_scalar(op, operands, kind, origins_of(operands))


def _binary(op: str) -> Callable[[Any, Any], Any]:
    def forward(self: Any, other: Any) -> Any:
        return scalar_op(op, self, other)

    return forward


def _reflected(op: str) -> Callable[[Any, Any], Any]:
    def backward(self: Any, other: Any) -> Any:
        return scalar_op(op, other, self)

    return backward


def _unary(op: str) -> Callable[[Any], Any]:
    def apply(self: Any) -> Any:
        return scalar_op(op, self)

    return apply


def _divmod(self: Any, other: Any) -> Any:
    return scalar_op("floordiv", self, other), scalar_op("mod", self, other)


for _name, _op in {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "truediv", "floordiv": "floordiv", "mod": "mod",
    "pow": "pow", "and": "and_", "or": "or_", "xor": "xor", "lshift": "lshift", "rshift": "rshift",
}.items():  # fmt: skip
    setattr(Scalar, f"__{_name}__", _binary(_op))
    setattr(Scalar, f"__r{_name}__", _reflected(_op))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Scalar, f"__{_name}__", _binary(_name))
for _name in ("neg", "pos", "invert", "abs"):
    setattr(Scalar, f"__{_name}__", _unary(_name))
Scalar.__divmod__ = _divmod  # type: ignore[attr-defined]


# ----------------------------------------------------------------------------------------- lists


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
    "__mul__", "__eq__", "__ne__", "__lt__", "__reversed__", "extend", "insert", "remove", "pop", "clear",
    "index", "count", "sort", "reverse", "copy", "_elements",
):  # fmt: skip
    setattr(DynamicList, _name, _refuse_list(_name))


# ---------------------------------------------------------------------------------- tags and texts


class DynamicTag:
    """One of finitely many static values (*The Trick*): ``scalar`` says which of ``table``."""

    __slots__ = ("scalar", "table")

    def __init__(self, table: tuple[Any, ...], scalar: Scalar) -> None:
        self.table = table
        self.scalar = scalar

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self.table[0])

    def _decide(self, *args: Any) -> Any:
        decide(self, "a value that was chosen by a tensor")

    __bool__ = __hash__ = __str__ = __repr__ = __eq__ = __ne__ = __len__ = __iter__ = _decide  # type: ignore
    __format__ = __add__ = __radd__ = __getitem__ = __contains__ = __lt__ = __call__ = _decide  # type: ignore


@dataclass(frozen=True, eq=False)
class DynamicText:
    """A text with numbers in it that are not known yet; good for the message of an error alone.

    ``parts`` are str or (value, conversion, spec).
    """

    parts: tuple[Any, ...]

    def origins(self) -> frozenset[Any]:
        return origins_of(tuple(part[0] for part in self.parts if isinstance(part, tuple)))

    def _decide(self, *args: Any) -> Any:
        decide(self, "the text of a number")

    __bool__ = __hash__ = __eq__ = __len__ = __iter__ = __contains__ = __getitem__ = _decide  # type: ignore
    __format__ = __str__ = _decide  # type: ignore


@dataclass(frozen=True)
class ListElement:
    """The type of a DynamicList's elements: a tensor's (symbols for sizes that vary), a number's, or that
    of a list of those."""

    type: Type


PYTHON_OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "@": operator.matmul, "<<": operator.lshift,
    ">>": operator.rshift, "&": operator.and_, "|": operator.or_, "^": operator.xor,
}  # fmt: skip
INPLACE_OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.iadd, "-": operator.isub, "*": operator.imul, "/": operator.itruediv,
    "//": operator.ifloordiv, "%": operator.imod, "**": operator.ipow, "@": operator.imatmul,
    "<<": operator.ilshift, ">>": operator.irshift, "&": operator.iand, "|": operator.ior,
    "^": operator.ixor,
}  # fmt: skip
COMPARISONS: dict[str, Callable[..., Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
    "!=": operator.ne,
}  # fmt: skip
UNARY: dict[str, Callable[..., Any]] = {"-": operator.neg, "+": operator.pos, "~": operator.invert}

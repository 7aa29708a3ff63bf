"""Symbolic numbers: expressions over what the current block has, with the arithmetic of Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dyncc.compiler.specialize.values.decisions import builder, decide
from dyncc.runtime.program import Operand

if TYPE_CHECKING:
    pass


HASH = "the hash of a number"
"""What a decision is about where a dict or set is given a number."""
_KIND_TYPES = {"int": int, "float": float, "bool": bool, "str": str}


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
        decide(self, HASH)

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

    def is_integer(self) -> Any:
        if not hasattr(_KIND_TYPES[self.kind], "is_integer"):
            raise AttributeError(f"'{self.kind}' object has no attribute 'is_integer'")
        return scalar_op("eq", scalar_op("math.floor", self), self)

    def conjugate(self) -> Any:
        return scalar_op("pos", self)

    @property
    def real(self) -> Any:
        return scalar_op("pos", self)

    @property
    def imag(self) -> Any:
        return 0.0 if self.kind == "float" else 0

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__") and hasattr(_KIND_TYPES[self.kind], name):
            decide(self, f"`{name}` of a number")
        raise AttributeError(f"'{self.kind}' object has no attribute '{name}'")


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
    if op == "round_digits" and kinds[0] != "float":
        return "int"
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


def whole_power(base: Any, exponent: Any) -> Any:
    """``base ** exponent`` of whole numbers, where the exponent is not negative."""
    operands = (base, exponent)
    if not any(type(operand) is Scalar for operand in operands):
        return base**exponent
    return builder().host_scalar("pow", operands, "int", origins_of(operands))


def _pow(self: Any, other: Any, modulus: Any = None) -> Any:
    power = scalar_op("pow", self, other)
    return power if modulus is None or power is NotImplemented else scalar_op("mod", power, modulus)


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

Scalar.__pow__ = _pow  # type: ignore[attr-defined]
Scalar.__divmod__ = _divmod  # type: ignore[attr-defined]

"""Which type may stand where: the rules of edges and bindings."""

from __future__ import annotations

from collections.abc import Sequence

from dyncc.ir.symbols import substitute_dim, unify
from dyncc.runtime.program import Const, Dim, ListType, ScalarType, TensorType, Type

INT, FLOAT, BOOL, STR = (ScalarType("int"), ScalarType("float"), ScalarType("bool"), ScalarType("str"))


def accepts(parameter: Type, argument: Type) -> bool:
    """Whether a value of type ``argument`` may be bound to a ``parameter``.

    Kinds, dtypes, ranks and static sizes must be equal; a symbolic size accepts any.
    """
    match parameter, argument:
        case TensorType(dtype, shape), TensorType(other, sizes):
            same_rank = dtype == other and len(shape) == len(sizes)
            return same_rank and all(
                isinstance(d, str) or d == s for d, s in zip(shape, sizes, strict=True)
            )
        case ListType(element), ListType(other):
            return accepts(element, other)
        case _:
            return parameter == argument


def conflict(parameters: Sequence[Type], arguments: Sequence[Type]) -> str | None:
    """A symbol of the parameters that would have to be two numbers at once, as a message."""
    symbols: dict[str, Dim] = {}
    for parameter, argument in zip(parameters, arguments, strict=True):
        unify(parameter, argument, symbols)
    numbers: dict[str, Dim] = {name: dim for name, dim in symbols.items() if isinstance(dim, int)}
    for parameter, argument in zip(parameters, arguments, strict=True):
        if not (isinstance(parameter, TensorType) and isinstance(argument, TensorType)):
            continue
        for dim, size in zip(parameter.shape, argument.shape, strict=False):
            wanted = substitute_dim(dim, numbers)
            if isinstance(wanted, int) and isinstance(size, int) and wanted != size:
                return f"the size `{dim}` is both {wanted} and {size}"
    return None


def constant_type(constant: Const) -> ScalarType | None:
    """The type of a constant; None for ``None``, which is no value of the program."""
    match constant.value:
        case bool():
            return BOOL
        case int():
            return INT
        case float():
            return FLOAT
        case str():
            return STR
        case None:
            return None

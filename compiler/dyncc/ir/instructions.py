"""The host's instructions: which operands each takes, what it yields, and which may raise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from dyncc.ir.printer import type_text
from dyncc.ir.subtyping import BOOL, FLOAT, INT, STR, accepts
from dyncc.runtime.hostops import HOST_OPS
from dyncc.runtime.noise import KINDS
from dyncc.runtime.program import Const, HostOp, ListType, Operand, ScalarType, TensorType, Type
from dyncc.runtime.texts import pieces


class TypeMismatch(Exception):
    """What does not fit, as a message."""


def check_host_op(step: HostOp, types: Sequence[Type]) -> None:
    """Check an instruction whose operands have these types. Raises :class:`TypeMismatch`."""
    rule = RULES[step.op]
    least, count = len(rule.parameters), len(types)
    if count < least or (count > least and rule.more is None):
        more = "" if rule.more is None else " or more"
        raise TypeMismatch(f"`{step.op}` takes {least}{more} operands, not {count}")
    kinds = [*rule.parameters, *[rule.more] * (count - least)]
    for number, (kind, type_) in enumerate(zip(kinds, types, strict=True), start=1):
        if kind is not None and not kind.holds(type_):
            raise TypeMismatch(f"operand {number} of `{step.op}` is {type_text(type_)}, not {kind.name}")
    possible = rule.result(Call(tuple(types), step.operands, step.result.type))
    if not any(accepts(step.result.type, type_) for type_ in possible):
        shown = " or ".join(dict.fromkeys(map(type_text, possible)))
        raise TypeMismatch(f"the result of `{step.op}` is {shown}, not {type_text(step.result.type)}")


def evaluate(op: str, *values: Any) -> Any:
    """What an instruction gives for these operands, or raises."""
    return HOST_OPS[op].evaluate(*values)


# --------------------------------------------------------------------------------------- rules


@dataclass(frozen=True, slots=True)
class Call:
    """The operands of an instruction, their types, and the type that its result is declared with."""

    types: tuple[Type, ...]
    operands: tuple[Operand, ...]
    declared: Type

    def constant(self, index: int) -> object:
        operand = self.operands[index]
        return operand.value if isinstance(operand, Const) else None


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    holds: Callable[[Type], bool]


_Results: TypeAlias = "Callable[[Call], Sequence[Type]]"


@dataclass(frozen=True, slots=True)
class Rule:
    """``result`` gives the types that the result may have, or raises TypeMismatch."""

    parameters: tuple[Kind, ...]
    result: _Results
    more: Kind | None = None
    """What further operands must be; None where there may be none."""


_ANY = Kind("a value", lambda _: True)
_SCALAR = Kind("a number or text", lambda t: isinstance(t, ScalarType))
_NUMBER = Kind("a number", lambda t: t in (INT, FLOAT, BOOL))
_WHOLE = Kind("int or bool", lambda t: t in (INT, BOOL))
_INT = Kind("int", lambda t: t == INT)
_BOOL = Kind("bool", lambda t: t == BOOL)
_STR = Kind("str", lambda t: t == STR)
_TENSOR = Kind("a tensor", lambda t: isinstance(t, TensorType))
_LIST = Kind("a list", lambda t: isinstance(t, ListType))
_TENSORS = Kind(
    "a list of tensors", lambda t: isinstance(t, ListType) and isinstance(t.element, TensorType)
)
_NUMBERS = Kind("a list of numbers", lambda t: isinstance(t, ListType) and t.element in (INT, FLOAT, BOOL))
_TRUTHY = Kind("a number, text or list", lambda t: isinstance(t, ScalarType | ListType))


def _element_of(items: Type) -> Type:
    assert isinstance(items, ListType)
    return items.element


def _always(*types: Type) -> _Results:
    return lambda _: types


def _same(call: Call) -> Sequence[Type]:
    return [call.types[0]]


def _joined(call: Call) -> Sequence[Type]:
    return [FLOAT if FLOAT in call.types else INT]


def _bitwise(call: Call) -> Sequence[Type]:
    return [BOOL if set(call.types) == {BOOL} else INT]


def _power(call: Call) -> Sequence[Type]:
    return [FLOAT] if FLOAT in call.types else [INT, FLOAT]


def _either(call: Call) -> Sequence[Type]:
    return call.types


def _digits(call: Call) -> Sequence[Type]:
    return [FLOAT if call.types[0] == FLOAT else INT]


def _item(call: Call) -> Sequence[Type]:
    tensor = call.types[0]
    assert isinstance(tensor, TensorType)
    if all(isinstance(dim, int) for dim in tensor.shape) and math.prod(map(int, tensor.shape)) != 1:
        raise TypeMismatch(f"`item` reads one element, not {type_text(tensor)}")
    if tensor.dtype == "bool":
        return [BOOL]
    return [INT if tensor.dtype.startswith(("int", "uint")) else FLOAT]


def _static_read(call: Call) -> Sequence[Type]:
    return _item(call) if isinstance(call.types[0], TensorType) else _common(0)(call)


def _dim(call: Call) -> Sequence[Type]:
    tensor, axis = call.types[0], call.constant(1)
    assert isinstance(tensor, TensorType)
    rank = len(tensor.shape)
    if isinstance(axis, int) and not -rank <= axis < rank:
        raise TypeMismatch(f"{type_text(tensor)} has no axis {axis}")
    return [INT]


def _common(first: int) -> _Results:
    """The result may be any operand from ``first`` on."""

    def result(call: Call) -> Sequence[Type]:
        values = call.types[first:]
        if not all(accepts(call.declared, value) for value in values):
            shown = " or ".join(dict.fromkeys(map(type_text, values)))
            raise TypeMismatch(f"the result is {shown}, not {type_text(call.declared)}")
        return [call.declared]

    return result


def _looked_up_each(call: Call) -> Sequence[Type]:
    element = call.declared.element if isinstance(call.declared, ListType) else call.declared
    if not all(accepts(element, value) for value in call.types[1:]):
        raise TypeMismatch(f"the table does not hold {type_text(element)}")
    return [ListType(element)]


def _element(call: Call) -> Type:
    return _element_of(call.types[0])


def _list(call: Call) -> Sequence[Type]:
    # The declared type decides: an empty list may be one of anything.
    declared = call.declared
    if not isinstance(declared, ListType):
        raise TypeMismatch(f"the result of `list` is a list, not {type_text(declared)}")
    for item in call.types:
        if not accepts(declared.element, item):
            raise TypeMismatch(f"{type_text(declared)} has no place for {type_text(item)}")
    return [declared]


def _with_item(index: int) -> _Results:
    def result(call: Call) -> Sequence[Type]:
        item = call.types[index]
        if not accepts(_element(call), item):
            raise TypeMismatch(f"{type_text(call.types[0])} has no place for {type_text(item)}")
        return [call.types[0]]

    return result


def _extend(call: Call) -> Sequence[Type]:
    if not accepts(call.types[0], call.types[1]):
        raise TypeMismatch(f"{type_text(call.types[0])} has no place for {type_text(call.types[1])}")
    return [call.types[0]]


def _stacked(new_axis: bool) -> _Results:
    """``stack`` inserts an axis of unknown size, ``cat`` makes an axis one of unknown size."""

    def result(call: Call) -> Sequence[Type]:
        element = _element(call)
        assert isinstance(element, TensorType)
        shape, axis = list(element.shape), call.constant(1)
        rank = len(shape) + new_axis
        if not isinstance(axis, int):
            return [TensorType(element.dtype, ("?",) * rank)]
        if not -rank <= axis < rank:
            raise TypeMismatch(f"the result of `{'stack' if new_axis else 'cat'}` has no axis {axis}")
        position = axis % rank
        shape[position : position + (not new_axis)] = ["?"]
        return [TensorType(element.dtype, tuple(shape))]

    return result


def _noise(call: Call) -> Sequence[Type]:
    kind, dtype = call.constant(0), call.constant(1)
    if kind not in KINDS or dtype not in ("float32", "float64"):
        raise TypeMismatch(f"there is no noise of the kind {kind!r} and of {dtype!r}")
    sizes = [call.constant(index) for index in range(2, len(call.operands))]
    shape = tuple(size if isinstance(size, int) else "?" for size in sizes)
    return [TensorType(str(dtype), shape)]


def _text(call: Call) -> Sequence[Type]:
    template = call.constant(0)
    try:
        fields = [piece for piece in pieces(template) if not isinstance(piece, str)]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeMismatch(f"{template!r} is no template of a text") from None
    if len(fields) != len(call.types) - 1:
        raise TypeMismatch(f"{template!r} has places for {len(fields)} values, not {len(call.types) - 1}")
    return [STR]


RULES: dict[str, Rule] = {
    "item": Rule((_TENSOR,), _item),
    "static_read": Rule((_ANY,), _static_read),
    "dim": Rule((_TENSOR, _INT), _dim),
    "bool": Rule((_TRUTHY,), _always(BOOL)),
    "int": Rule((_SCALAR,), _always(INT)),
    "float": Rule((_SCALAR,), _always(FLOAT)),
    **{op: Rule((_WHOLE, _WHOLE), _bitwise) for op in ("or_", "xor", "and_")},
    **{op: Rule((_WHOLE, _WHOLE), _always(INT)) for op in ("lshift", "rshift")},
    **{op: Rule((_NUMBER, _NUMBER), _joined) for op in ("add", "sub", "mul", "floordiv", "mod")},
    "truediv": Rule((_NUMBER, _NUMBER), _always(FLOAT)),
    "neg": Rule((_NUMBER,), _joined),
    "pos": Rule((_NUMBER,), _joined),
    "invert": Rule((_WHOLE,), _always(INT)),
    "pow": Rule((_NUMBER, _NUMBER), _power),
    "abs": Rule((_NUMBER,), _joined),
    "min": Rule((_NUMBER, _NUMBER), _either),
    "max": Rule((_NUMBER, _NUMBER), _either),
    "round": Rule((_NUMBER,), _always(INT)),
    "round_digits": Rule((_NUMBER, _INT), _digits),
    **{op: Rule((_SCALAR, _SCALAR), _always(BOOL)) for op in ("lt", "le", "gt", "ge", "eq", "ne")},
    "not": Rule((_TRUTHY,), _always(BOOL)),
    "select": Rule((_BOOL, _ANY, _ANY), _common(1)),
    **{
        f"math.{name}": Rule((_NUMBER,), _always(FLOAT))
        for name in (
            *("sqrt", "exp", "log", "log2", "log10", "log1p", "expm1", "fabs", "degrees", "radians"),
            *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
            *("erf", "gamma", "lgamma"),
        )
    },
    **{f"math.{name}": Rule((_NUMBER,), _always(INT)) for name in ("floor", "ceil", "trunc")},
    **{f"math.{name}": Rule((_NUMBER,), _always(BOOL)) for name in ("isnan", "isinf", "isfinite")},
    **{
        f"math.{name}": Rule((_NUMBER, _NUMBER), _always(FLOAT))
        for name in ("pow", "atan2", "fmod", "copysign", "hypot", "log_base")
    },
    "list": Rule((), _list, more=_ANY),
    "list_append": Rule((_LIST, _ANY), _with_item(1)),
    "list_extend": Rule((_LIST, _LIST), _extend),
    **{op: Rule((_LIST, _INT), _same) for op in ("list_pop", "list_delete")},
    "list_insert": Rule((_LIST, _INT, _ANY), _with_item(2)),
    "list_slice": Rule((_LIST, _INT, _INT, _INT), _same),
    "list_index": Rule((_NUMBERS, _NUMBER), _always(INT)),
    "list_sort": Rule((_NUMBERS, _BOOL), _same),
    "list_contains": Rule((_NUMBERS, _NUMBER), _always(BOOL)),
    "list_count": Rule((_NUMBERS, _NUMBER), _always(INT)),
    "list_get": Rule((_LIST, _INT), lambda call: [_element(call)]),
    "list_set": Rule((_LIST, _INT, _ANY), _with_item(2)),
    "list_len": Rule((_LIST,), _always(INT)),
    "stack": Rule((_TENSORS, _INT), _stacked(True)),
    "cat": Rule((_TENSORS, _INT), _stacked(False)),
    "tensor_of_numbers": Rule((_NUMBERS, _STR), lambda call: [TensorType(str(call.constant(1)), ("?",))]),
    "noise": Rule((_STR, _STR), _noise, more=_INT),
    "order": Rule((_BOOL, _NUMBER), _always(ListType(INT)), more=_NUMBER),
    "best": Rule((_BOOL, _NUMBER), _always(INT), more=_NUMBER),
    "foremost": Rule((_BOOL, _INT, _NUMBERS), _always(ListType(INT))),
    "place": Rule((_BOOL, _NUMBER, _NUMBERS), _always(INT)),
    "raises": Rule((_STR,), _always(INT), more=_ANY),
    "lookup": Rule((_INT, _ANY), _common(1), more=_ANY),
    "index_within": Rule((_INT, _INT), _always(INT)),
    "list_lookup": Rule((_NUMBERS, _ANY), _looked_up_each, more=_ANY),
    "join": Rule((_STR, _LIST), _always(STR)),
    "text": Rule((_STR,), _text, more=_SCALAR),
}

# ------------------------------------------------------------------------------------- effects

_NEVER_RAISES = frozenset(
    {
        *("item", "static_read", "dim", "bool", "or_", "xor", "and_"),
        *("add", "sub", "mul", "neg", "pos", "invert", "abs"),
        *(
            "min",
            "max",
            "lt",
            "le",
            "gt",
            "ge",
            "eq",
            "ne",
            "not",
            "select",
            "lookup",
            "list_lookup",
            "order",
            "best",
        ),
        *("foremost", "place", "raises", "join", "text"),
        *("math.isnan", "math.isinf", "math.isfinite", "math.fabs", "math.copysign", "math.atan"),
        *("list", "list_append", "list_extend", "list_len", "tensor_of_numbers"),
        *("list_insert", "list_contains", "list_count"),
    }
)


def may_raise(step: HostOp, types: Sequence[Type | None]) -> bool:
    """Whether an instruction can raise on some values of these types; if not, it may be dropped.

    ``lookup`` cannot: its index is a tag that the compiler made.
    """
    if step.op in _NEVER_RAISES:
        return False
    divisor = step.operands[-1] if step.operands else None
    if step.op in ("truediv", "floordiv", "mod"):
        return not (isinstance(divisor, Const) and divisor.value)
    if step.op in ("int", "round", "math.floor", "math.ceil", "math.trunc"):
        return types[0] not in (INT, BOOL)
    if step.op == "float":
        return types[0] not in (INT, BOOL, FLOAT)
    return True

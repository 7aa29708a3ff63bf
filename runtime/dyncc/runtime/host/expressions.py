"""Expressions of the host: operands and inlined instructions, and how Python writes them.

An expression keeps which values it reads, so that names can be given after it was built, and each
operator's precedence, so that parentheses stand where the grammar needs them and nowhere else.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from dyncc.runtime import program as p
from dyncc.runtime.hostops import HOST_OPS
from dyncc.runtime.records import frozen, replace
from dyncc.runtime.texts import pieces

ATOM = 100
"""The precedence of a name, a literal or a call."""
LOOSEST = 0
NOT = 5
AND = 4
OR = 3


@frozen
class Read:
    """A value of the block."""

    value: str


@frozen
class Text:
    """Python text that reads no value."""

    text: str
    precedence: int = ATOM


@frozen
class Apply:
    """A template (``{0} + {1}``) with expressions in its slots.

    ``slots`` are the precedences that they need; ``exact`` marks a comparison of integers, which may be
    turned around (of floats it may not: nan).
    """

    template: str
    operands: tuple[Expr, ...]
    precedence: int
    slots: tuple[int, ...]
    exact: bool = False


Expr: TypeAlias = "Read | Text | Apply"


def reads(expr: Expr) -> Iterator[str]:
    """The values that ``expr`` reads, from left to right."""
    if isinstance(expr, Read):
        yield expr.value
    elif isinstance(expr, Apply):
        for operand in expr.operands:
            yield from reads(operand)


def render(expr: Expr, name_of: Callable[[str], str], precedence: int = LOOSEST) -> str:
    """The Python text of ``expr``, in parentheses unless it binds at least as tightly as wanted."""
    if isinstance(expr, Read):
        return name_of(expr.value)
    if isinstance(expr, Text):
        text, own = expr.text, expr.precedence
    else:
        operands = [
            render(operand, name_of, slot) for operand, slot in zip(expr.operands, expr.slots, strict=True)
        ]
        text, own = expr.template.format(*operands), expr.precedence
    return text if own >= precedence else f"({text})"


def constant(value: bool | int | float | str | None) -> Text:
    """A literal; ``nan`` and the infinities are those of ``math``."""
    if isinstance(value, str):
        return Text(quoted(value))
    if isinstance(value, float) and not math.isfinite(value):
        name = "math.nan" if math.isnan(value) else "math.inf"
        return Text(f"-{name}", 13) if value < 0 else Text(name)
    text = repr(value)
    return Text(text, 13 if text.startswith("-") else ATOM)


def quoted(text: str) -> str:
    """A string literal, in double quotes where it holds none."""
    literal = repr(text)
    if literal.startswith("'") and '"' not in literal and "\\'" not in literal:
        return f'"{literal[1:-1]}"'
    return literal


def apply_op(op: str, operands: tuple[Expr, ...], types: tuple[p.Type | None, ...]) -> Expr:
    """The expression of a host instruction. ``types`` are the operands'."""
    if op == "list":
        inner = ", ".join(f"{{{index}}}" for index in range(len(operands)))
        comma = "," if len(operands) == 1 else ""
        return Apply(f"({inner}{comma})", operands, ATOM, (1,) * len(operands))
    if op == "item" and types and isinstance(types[0], p.TensorType) and types[0].dtype == "bfloat16":
        return call("item_bfloat16", operands)
    if op == "tensor_of_numbers" and operands[1] == Text(quoted("bfloat16")):
        return call("bfloat16_of_numbers", operands[:1])
    if op == "static_read":
        return operands[0]
    if op == "text":
        return _text(operands)
    if op == "noise":
        return call("self.noise", operands)
    spec = HOST_OPS[op]
    if spec.expression is None:
        return call(op, operands)
    slots = _slots(op, spec.expression, spec.precedence, len(operands))
    exact = all(of in (p.ScalarType("int"), p.ScalarType("bool")) for of in types)
    return Apply(spec.expression, operands, spec.precedence, slots, exact)


def call(function: str, operands: tuple[Expr, ...]) -> Expr:
    """A call with positional arguments."""
    inner = ", ".join(f"{{{index}}}" for index in range(len(operands)))
    return Apply(f"{function}({inner})", operands, ATOM, (1,) * len(operands))


def _text(operands: tuple[Expr, ...]) -> Expr:
    """A text with values in it: an f-string, unless a value is written with what may not stand in one."""
    template, *values = operands
    assert isinstance(template, Text)
    plain = all(map(_is_plain, values))
    body, place = "", 0
    for piece in pieces(ast.literal_eval(template.text)):
        if isinstance(piece, str):
            body += _doubled(_doubled(_escaped(piece)))
            continue
        conversion, spec = piece
        marks = ("!" + conversion if conversion else "") + (":" + spec if spec else "")
        body += f"{{{{{{{place}}}{marks}}}}}" if plain else f"{{{{{marks}}}}}"
        place += 1
    slots = (1,) * len(values)
    if plain:
        return Apply(f'f"{body}"', tuple(values), ATOM, slots)
    places = ", ".join(f"{{{index}}}" for index in range(len(values)))
    return Apply(f'"{body}".format({places})', tuple(values), ATOM, slots)


def _is_plain(expr: Expr) -> bool:
    """Whether it may stand in an f-string (of Python 3.11)."""
    if isinstance(expr, Read):
        return True
    text = expr.text if isinstance(expr, Text) else re.sub(r"\{\d+\}", "", expr.template)
    inner = () if isinstance(expr, Text) else expr.operands
    return not set(text) & set("\"'\\{}#\n:!=") and all(map(_is_plain, inner))


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _escaped(text: str) -> str:
    """What stands for ``text`` between double quotes."""
    return repr(text + '"')[1:-2].replace("\\'", "'").replace('"', '\\"')


def _slots(op: str, template: str, precedence: int, count: int) -> tuple[int, ...]:
    """How tightly each operand has to bind."""
    if op == "select":
        return (precedence + 1, precedence + 1, precedence)
    if op == "pow":
        return (precedence + 1, 13)
    if op == "not" or precedence == 13:
        return (precedence,)
    if precedence == ATOM:
        return tuple(ATOM if template.startswith(f"{{{index}}}") else 1 for index in range(count))
    if precedence == HOST_OPS["lt"].precedence:  # comparisons chain: neither side may be one
        return (precedence + 1,) * count
    return (precedence, precedence + 1)


def both(one: Expr, other: Expr) -> Expr:
    """``one and other``."""
    return Apply("{0} and {1}", (one, other), AND, (AND, AND))


def either(one: Expr, other: Expr) -> Expr:
    """``one or other``."""
    return Apply("{0} or {1}", (one, other), OR, (OR, OR))


_INVERSE = {"==": "!=", "!=": "==", "in": "not in", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def negate(expr: Expr) -> Expr:
    """``not expr``."""
    if isinstance(expr, Text) and expr.text in ("True", "False"):
        return Text("False" if expr.text == "True" else "True")
    if isinstance(expr, Apply):
        if expr.template == "not {0}":
            return expr.operands[0]
        for symbol, inverse in _INVERSE.items():
            if expr.template == f"{{0}} {symbol} {{1}}" and (expr.exact or symbol in ("==", "!=", "in")):
                return replace(expr, template=f"{{0}} {inverse} {{1}}")
    return Apply("not {0}", (expr,), NOT, (NOT,))

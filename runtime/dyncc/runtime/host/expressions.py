"""Expressions of the host: operands and inlined instructions, and how Python writes them.

An expression keeps which values it reads, so that names can be given after it was built, and each
operator's precedence, so that parentheses stand where the grammar needs them and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from dyncc.runtime import program as p
from dyncc.runtime.hostops import HOST_OPS

ATOM = 100
"""The precedence of a name, a literal or a call."""
LOOSEST = 0
NOT = 5
AND = 4


@dataclass(frozen=True, slots=True)
class Read:
    """A value of the block."""

    value: str


@dataclass(frozen=True, slots=True)
class Text:
    """Python text that reads no value."""

    text: str
    precedence: int = ATOM


@dataclass(frozen=True, slots=True)
class Apply:
    """A template (``{0} + {1}``) with expressions in its slots; ``slots`` are the precedences needed."""

    template: str
    operands: tuple[Expr, ...]
    precedence: int
    slots: tuple[int, ...]


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
    """The expression of a host instruction. ``types`` are the operands' (None where unknown)."""
    if op == "list":
        inner = ", ".join(f"{{{index}}}" for index in range(len(operands)))
        comma = "," if len(operands) == 1 else ""
        return Apply(f"({inner}{comma})", operands, ATOM, (1,) * len(operands))
    if op == "item" and types and isinstance(types[0], p.TensorType) and types[0].dtype == "bfloat16":
        return call("item_bfloat16", operands)
    spec = HOST_OPS[op]
    if spec.expression is None:
        return call(op, operands)
    template = spec.expression
    return Apply(template, operands, spec.precedence, _slots(op, template, spec.precedence, len(operands)))


def call(function: str, operands: tuple[Expr, ...]) -> Expr:
    """A call with positional arguments."""
    inner = ", ".join(f"{{{index}}}" for index in range(len(operands)))
    return Apply(f"{function}({inner})", operands, ATOM, (1,) * len(operands))


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


_INVERSE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def negate(expr: Expr, exact: bool) -> Expr:
    """``not expr``. An order comparison is turned around only where ``exact``: nan breaks the law."""
    if isinstance(expr, Text) and expr.text in ("True", "False"):
        return Text("False" if expr.text == "True" else "True")
    if isinstance(expr, Apply):
        if expr.template == "not {0}":
            return expr.operands[0]
        for symbol, inverse in _INVERSE.items():
            if expr.template == f"{{0}} {symbol} {{1}}" and (exact or symbol in ("==", "!=")):
                return Apply(f"{{0}} {inverse} {{1}}", expr.operands, expr.precedence, expr.slots)
    return Apply("not {0}", (expr,), NOT, (NOT,))

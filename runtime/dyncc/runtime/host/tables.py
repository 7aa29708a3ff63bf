"""Long tables of constants: texts and numbers that the program looks up, once each, above the class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field

from dyncc.runtime import program as p
from dyncc.runtime.host.expressions import ATOM, Apply, Expr, Text, constant
from dyncc.runtime.records import record

LONG = 16
"""Entries from which a table has a name of its own."""
_WIDTH = 100
_BEFORE = {"list": 0, "lookup": 1, "list_lookup": 1}
"""Instructions on a table → the operands before it."""


@record
class Tables:
    """The tables of a module. ``taken``: names that are in use there."""

    taken: set[str]
    names: dict[tuple[str, ...], str] = field(default_factory=dict[tuple[str, ...], str])

    def applied(self, step: p.HostOp, before: Sequence[Expr]) -> Expr | None:
        """An instruction on a long table of constants, with the operands ``before`` that; else None."""
        if step.op not in _BEFORE:
            return None
        values = step.operands[_BEFORE[step.op] :]
        if len(values) < LONG or not all(isinstance(value, p.Const) for value in values):
            return None
        name = self._name(
            tuple(constant(value.value).text for value in values if isinstance(value, p.Const))
        )
        if step.op == "list":
            return Text(name)
        template = f"{name}[{{0}}]" if step.op == "lookup" else f"list_lookup({{0}}, *{name})"
        return Apply(template, tuple(before), ATOM, (1,))

    def _name(self, texts: tuple[str, ...]) -> str:
        if texts not in self.names:
            number = len(self.names) + 1
            while (name := "TABLE" if number == 1 else f"TABLE_{number}") in self.taken:
                number += 1
            self.names[texts] = name
            self.taken.add(name)
        return self.names[texts]

    def definitions(self) -> Iterator[str]:
        """The lines that define them, in the order of their first use."""
        for texts, name in self.names.items():
            yield f"{name} = ("
            line = "   "
            for text in texts:
                if len(line) + len(text) + 2 > _WIDTH and line.strip():
                    yield line
                    line = "   "
                line += f" {text},"
            yield line
            yield ")"


def operands_before(step: p.HostOp) -> tuple[p.Operand, ...]:
    """The operands of an instruction before its table."""
    return step.operands[: _BEFORE.get(step.op, 0)]

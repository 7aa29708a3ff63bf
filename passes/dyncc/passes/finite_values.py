"""Which numbers of the host have few possible values, and which: constant propagation with sets.

A value is a set of constants or unknown. An element of a list of constants is one of them, whatever the
index; arithmetic on sets is done for every combination; a parameter is what any edge gives it. An edge that
is taken where a comparison with a constant holds (or does not) passes on the values for which it does, so
that a counter which is tested against its end stays finite (branch refinement as in Wegman and Zadeck,
*Constant propagation with conditional branches*, TOPLAS 1991, with sets in place of one constant).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from dyncc.ir import Block, Branch, Compute, Const, Edge, HostOp, Operand, Program, Ref, successors
from dyncc.ir.instructions import evaluate
from dyncc.passes.rewrite import entry_blocks, operand_key, operands

G = TypeVar("G")

Number: TypeAlias = "bool | int | float"
Values: TypeAlias = "tuple[Number, ...] | None"
"""The values that are possible, none twice; None where they are too many, or not known."""

ARITHMETIC = frozenset(
    (
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "neg", "pos", "abs", "min", "max"),
        *("bool", "int", "float", "round", "round_digits", "lt", "le", "gt", "ge", "eq", "ne", "not"),
        *("index_within", "math.sqrt", "math.exp", "math.log", "math.sin", "math.cos", "math.tanh"),
        *("math.floor", "math.ceil", "math.pow"),
    )
)
COMPARISONS = frozenset(("lt", "le", "gt", "ge", "eq", "ne"))


@dataclass
class FiniteValues:
    """The analysis of one program, made when it is constructed.

    ``limit`` is how many values a set may have. Only what Computes take, and what that is made from, is
    followed.
    """

    program: Program[Any]
    limit: int = 128
    params: dict[tuple[str, str], Values] = field(default_factory=dict[tuple[str, str], Values])
    """Of each parameter of a block what it may be; one that is not there has no value yet."""

    def __post_init__(self) -> None:
        self.wanted = _wanted(self.program)
        for name in entry_blocks(self.program):
            for param in self.program.blocks[name].params:
                self.params[name, param.name] = None
        pending = dict.fromkeys(self.program.blocks)
        while pending:
            name = next(iter(pending))
            del pending[name]
            if self._is_reached(name):
                pending |= dict.fromkeys(self._pass_on(self.program.blocks[name]))

    def of(self, block: Block, operand: Operand) -> Values:
        """What ``operand`` may be where a step of ``block`` uses it."""
        return self._values(self._in(block), operand)

    def _is_reached(self, name: str) -> bool:
        wanted = self.wanted[name]
        return all(
            (name, param.name) in self.params
            for param in self.program.blocks[name].params
            if param.name in wanted
        )

    # -------------------------------------------------------------------------------- in a block

    def _in(self, block: Block) -> dict[str, Values]:
        known: dict[str, Values] = {
            param.name: self.params.get((block.name, param.name)) for param in block.params
        }
        lists: dict[str, Values] = {}
        for step in block.steps:
            if isinstance(step, HostOp) and step.result.name in self.wanted[block.name]:
                if step.op == "list":
                    lists[step.result.name] = _constants(step.operands)
                known[step.result.name] = self._result(step, known, lists)
        return known

    def _result(self, step: HostOp, known: Mapping[str, Values], lists: Mapping[str, Values]) -> Values:
        match step.op, step.operands:
            case "list_get", (Ref(items), _):
                return self._within(lists.get(items))
            case "lookup", (_, *table):
                return self._within(_constants(table))
            case "select", (_, one, other):
                return self._union(self._values(known, one), self._values(known, other))
            case op, uses if op in ARITHMETIC:
                return self._computed(op, [self._values(known, use) for use in uses])
            case _:
                return None

    def _computed(self, op: str, sets: Sequence[Values]) -> Values:
        if any(values is None for values in sets) or math.prod(map(len, sets)) > 8 * self.limit:  # type: ignore[arg-type]
            return None
        found: list[Number] = []
        for combination in itertools.product(*sets):  # type: ignore[arg-type]
            try:
                value = evaluate(op, *combination)
            except Exception:
                continue  # the program raises here, and goes on with no value
            if type(value) not in (bool, int, float):
                return None
            found.append(value)
        return self._within(distinct(found))

    def _values(self, known: Mapping[str, Values], operand: Operand) -> Values:
        if isinstance(operand, Ref):
            return known.get(operand.name)
        return _constants([operand])

    def _within(self, values: Values) -> Values:
        return values if values is not None and len(values) <= self.limit else None

    def _union(self, one: Values, other: Values) -> Values:
        return None if one is None or other is None else self._within(distinct((*one, *other)))

    # ------------------------------------------------------------------------------ between blocks

    def _pass_on(self, block: Block) -> list[str]:
        """Give the targets of a block's edges what these pass; returns those that learned something."""
        known = self._in(block)
        changed: list[str] = []
        for index, edge in enumerate(successors(block.terminator)):
            refined = _refined(block, known, index)
            if refined is not None and self._give(edge, refined):
                changed.append(edge.block)
        return changed

    def _give(self, edge: Edge, known: Mapping[str, Values]) -> bool:
        changed = False
        wanted = self.wanted[edge.block]
        for param, arg in zip(self.program.blocks[edge.block].params, edge.args, strict=True):
            if param.name not in wanted:
                continue
            key = (edge.block, param.name)
            given = self._values(known, arg)
            before = self.params.get(key, ())
            after = self._union(before, given)
            if key not in self.params or after != before:
                self.params[key] = after
                changed = True
        return changed


def _wanted(program: Program[Any]) -> dict[str, set[str]]:
    """Of each block the values that Computes take, and all from which those are made."""
    wanted: dict[str, set[str]] = {name: set() for name in program.blocks}
    changed = True
    while changed:
        changed = False
        for name, block in program.blocks.items():
            found = set(wanted[name])
            for edge in successors(block.terminator):
                for param, arg in zip(program.blocks[edge.block].params, edge.args, strict=True):
                    if isinstance(arg, Ref) and param.name in wanted[edge.block]:
                        found.add(arg.name)
            for step in reversed(block.steps):
                if isinstance(step, Compute) or step.result.name in found:
                    found |= {use.name for use in operands(step) if isinstance(use, Ref)}
            if found != wanted[name]:
                wanted[name], changed = found, True
    return wanted


def _refined(block: Block, known: Mapping[str, Values], index: int) -> Mapping[str, Values] | None:
    """What is known on an edge; None where no value lets a call take it."""
    terminator = block.terminator
    if not isinstance(terminator, Branch) or not isinstance(terminator.pred, Ref):
        return known
    test = next(
        (
            step
            for step in block.steps
            if isinstance(step, HostOp) and step.result.name == terminator.pred.name
        ),
        None,
    )
    if test is None or test.op not in COMPARISONS:
        return known
    one, other = test.operands
    match one, other:
        case Ref(name), Const(bound):
            holds = lambda value: evaluate(test.op, value, bound)  # noqa: E731
        case Const(bound), Ref(name):
            holds = lambda value: evaluate(test.op, bound, value)  # noqa: E731
        case _:
            return known
    values = known.get(name)
    if values is None or not isinstance(bound, bool | int | float):
        return known
    left = tuple(value for value in values if bool(holds(value)) == (index == 0))
    return {**known, name: left} if left else None


def _constants(uses: Iterable[Operand]) -> Values:
    """The numbers among constants; None where one is something else."""
    found: list[Number] = []
    for use in uses:
        if not isinstance(use, Const) or not isinstance(use.value, bool | int | float):
            return None
        found.append(use.value)
    return distinct(found)


def distinct(values: Iterable[Number]) -> tuple[Number, ...]:
    """The values once each; ``1``, ``1.0`` and ``True`` differ, as do ``0.0`` and ``-0.0``."""
    return tuple({operand_key(Const(value)): value for value in values}.values())

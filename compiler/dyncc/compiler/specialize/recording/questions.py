"""Questions about sizes: whether two of them are equal is a decision, where a call cannot do without it.

PyTorch asks many things of a size while it records a call (whether to broadcast, whether operands fit), and
answers by the number that stands for the size. Where the answer matters and is an equality that the host
can test, the block ends with a branch on it before the call. Where the sizes are equal, the call is made on
views of the one size; where they are not, it is recorded as for such sizes, or raises what PyTorch raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils._sympy.functions import Max, Min

from dyncc.compiler.specialize.recording import guards, size_ranges
from dyncc.compiler.specialize.recording.nested import leaves_of, map_leaves
from dyncc.compiler.specialize.values import Expr, SymTensor, scalar_op
from dyncc.compiler.specialize.values.decisions import SizeQuestion

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.block import BlockBuilder
    from dyncc.compiler.specialize.recording.recorder import Recorder


_LIMITS = (sympy.Min, sympy.Max, Min, Max)


@dataclass(frozen=True)
class Question:
    """Whether the unknown size ``symbol`` is ``value``, an expression over others or a number."""

    symbol: sympy.Symbol
    value: sympy.Expr

    @property
    def difference(self) -> Any:
        """Zero where they are equal.

        (Not a relation, which would be evaluated: PyTorch's symbols for sizes are positive, so ``s == 0``
        would be false, but a size that data decide can be zero.)
        """
        return self.symbol - self.value

    def answered(self, sizes: dict[Any, Any]) -> bool | None:
        """The answer where these symbols are these sizes; None where that does not tell."""
        difference = self.difference.subs(sizes)
        return bool(difference == 0) if difference.is_number else None


class Known(BaseException):
    """An unknown size of a call's arguments is known to be the one that ``question`` is about."""

    def __init__(self, question: Question) -> None:
        super().__init__(f"{question.symbol} = {question.value}")
        self.question = question


def questions_of(condition: Any) -> list[Question] | None:
    """What a guard, and the guards that it is made of, ask; None where it asks anything but equality."""
    found = [_question_of(atom) for atom in condition.atoms(sympy.core.relational.Relational)]
    return None if not found or None in found else [question for question in found if question is not None]


def _question_of(condition: Any) -> Question | None:
    """The question that a relation puts; None where it is none of equality, or of several answers."""
    if not isinstance(condition, (sympy.Eq, sympy.Ne)):
        return None
    difference, limits = _without_limits(sympy.expand(condition.lhs - condition.rhs))
    difference = difference.primitive()[1]  # 4 a = 4 b, as views ask
    symbols = sorted(difference.free_symbols - limits.keys(), key=str)
    if not symbols or not all(_is_linear(difference, symbol) for symbol in symbols):
        return None
    for symbol in reversed(symbols):
        if difference.coeff(symbol) in (1, -1):
            value = sympy.expand(symbol - difference / difference.coeff(symbol))
            return Question(symbol, value.subs(limits))
    symbol, factor = symbols[0], difference.coeff(symbols[0])
    if limits:
        return None
    value = sympy.expand(symbol - difference / factor)
    return Question(symbol, value) if len(symbols) == 1 and value.is_Integer else None


def _without_limits(expr: sympy.Expr) -> tuple[sympy.Expr, dict[sympy.Symbol, sympy.Expr]]:
    """``expr`` with a symbol for each minimum or maximum in it: the size of a slice, say."""
    found = {limit: sympy.Dummy(str(limit), integer=True) for limit in expr.atoms(*_LIMITS)}
    return expr.subs(found), {symbol: limit for limit, symbol in found.items()}


def _is_linear(expr: Any, symbol: Any) -> bool:
    return sympy.diff(expr, symbol).is_Integer


@contextmanager
def answered(block: BlockBuilder, pred: Expr, answer: bool) -> Iterator[None]:
    """Where ``pred`` is ``answer``: have the block that follows know which unknown sizes are one.

    (``assert frequencies.shape[0] == x.shape[1]``. That a size is a certain number is not taken up: what
    follows would be compiled for it alone.)
    """
    block.equal_sizes = dict(_equalities(pred, answer))
    block.side_ranges = size_ranges.on_side(block, pred, answer)
    try:
        yield
    finally:
        block.equal_sizes, block.side_ranges = {}, {}


def _equalities(pred: Any, answer: bool) -> Iterator[tuple[Any, Any]]:
    for op, one, other in size_ranges.comparisons(pred, answer):
        if op == "eq" and one.free_symbols and other.free_symbols:
            found = _question_of(sympy.Eq(one, other, evaluate=False))
            if found is not None and found.value.free_symbols:
                yield found.symbol, found.value


def unanswered(recorder: Recorder, conditions: Sequence[Any]) -> list[Question]:
    """The questions among guards of which the block does not know the answer."""
    found = (question for condition in conditions for question in questions_of(condition) or ())
    return [question for question in found if answer_known(recorder, question) is None]


def all_answered(recorder: Recorder, conditions: Sequence[Any]) -> bool:
    """Whether the guards of a call that failed are all questions to which the block has the answer."""
    if not recorder.block.size_answers:
        return False
    asked = [questions_of(condition) for condition in conditions]
    return all(
        found is not None and all(answer_known(recorder, question) is not None for question in found)
        for found in asked
    )


def answer_known(recorder: Recorder, question: Question) -> bool | None:
    """The answer, where it follows from those that the block has, or from what sizes can be."""
    if not size_ranges.may_be_zero(recorder.block, question.difference):
        return False
    known = {q.symbol: q.value for q, answer in recorder.block.size_answers if answer}
    if (answer := question.answered(known)) is not None:
        return answer
    here = question.difference.subs(known)
    for other, answer in recorder.block.size_answers:
        there = other.difference.subs(known)
        if sympy.expand(here - there) == 0 or sympy.expand(here + there) == 0:
            return answer
    return None


def allowed(recorder: Recorder) -> guards.Allowed:
    """Whether sizes agree with what the block knows of them."""
    block = recorder.block

    def agree(sizes: dict[Any, int]) -> bool:
        return size_ranges.allowed(block, sizes) and all(
            question.answered(sizes) in (None, answer) for question, answer in block.size_answers
        )

    ranges = block.shape_env.var_to_range if block.ranges else {}
    least = {symbol: int(known.lower) for symbol, known in ranges.items() if known.lower.is_Integer}
    return guards.Allowed(agree, {symbol: lower for symbol, lower in least.items() if lower > 0})


def settle(recorder: Recorder, questions: Sequence[Question], values: Any) -> bool:
    """Put the first of ``questions`` about the arguments ``values`` of a call.

    Raises SizeQuestion where it is to be decided, and Known where the answer is yes. Returns whether it was
    answered by no: then the call is to be made again with that known. Where generalized sizes are involved
    it is tried first to have them static, which unrolls a loop (Restart).
    """
    places = places_of(values)
    block = recorder.block
    possible = (_as_put(question, places) for question in questions)
    keys = {_key(question, places): question for question in possible if question is not None}
    if not keys:
        return False
    if block.used_origins & recorder.facts.symbols:
        recorder.demand_sizes(values)
    found = next((given for given in block.answers if given[0] in keys), None)
    if found is None:
        key = min(keys)
        question = keys[key]
        size = _size(recorder, places[question.symbol])
        equal = scalar_op("eq", size, _number(recorder, question.value, places))
        raise SizeQuestion(equal, key)
    block.answers.remove(found)
    key, answer = found
    question = _oriented(keys[key], block.shape_env)
    block.size_answers.append((question, answer))
    if answer:
        raise Known(question)
    return True


def small(taken: Sequence[dict[Any, int]], values: Any) -> list[Question]:
    """Whether those unknown sizes are zero or one that are so in some of the sizes ``taken``."""
    found = [
        (symbol, number)
        for symbol in places_of(values)
        for number in (0, 1)
        if symbol.is_Symbol and any(sizes.get(symbol) == number for sizes in taken)
    ]
    return [Question(symbol, sympy.Integer(number)) for symbol, number in found]


def _as_put(question: Question, places: Places) -> Question | None:
    """The question as one about sizes that the arguments have; None where they do not have them.

    A size may be a sum of unknown ones, where several tensors were concatenated, or the least of some, of a
    slice: the question is then whether another size is that.
    """
    if _sum_among(question.value, places) is not None and question.symbol in places:
        return question
    if question.value.atoms(*_LIMITS):
        return None
    if {question.symbol, *question.value.free_symbols} <= places.keys():
        return question
    for symbol in sorted(question.difference.free_symbols & places.keys(), key=str):
        factor = question.difference.coeff(symbol)
        if factor in (1, -1):
            value = sympy.expand(symbol - question.difference / factor)
            if _sum_among(value, places) is not None:
                return Question(symbol, value)
    return None


def _sum_among(value: sympy.Expr, places: Places) -> sympy.Expr | None:
    """The sum of unknown sizes from which ``value`` differs by a number, if it is one of ``places``."""
    found = sympy.expand(value - value.as_coeff_Add()[0])
    return found if not found.is_Symbol and found in places else None


def _key(question: Question, places: Places) -> str:
    """A question by where in the arguments its sizes are: their names differ from block to block."""
    named = {
        symbol: sympy.Symbol(f"size{number}_{axis}") - offset
        for symbol, (number, _, axis, offset) in places.items()
        if symbol.is_Symbol
    }
    value, total = question.value, _sum_among(question.value, places)
    if total is not None:
        number, _, axis, offset = places[total]
        value = value - total + sympy.Symbol(f"size{number}_{axis}") - offset
    difference = sympy.expand((question.symbol - value).subs(named, simultaneous=True))
    return min(str(difference), str(-difference))


def _oriented(question: Question, env: ShapeEnv) -> Question:
    """The question about the size whose number to think with is larger: it is narrowed to the other."""
    numbers = env.backed_var_to_val
    other = question.value
    if other.is_Symbol and numbers.get(other, 0) > numbers.get(question.symbol, 0):
        return Question(other, question.symbol)
    return question


def with_known(recorder: Recorder, question: Question, values: Any) -> Any:
    """The arguments of a call, with views of the known size for tensors of the unknown one."""
    places = places_of(values)

    def known(value: Any) -> Any:
        if not isinstance(value, SymTensor):
            return value
        for axis, size in enumerate(value.fake.shape):
            if isinstance(size, int) or question.symbol not in size.node.expr.free_symbols:
                continue
            length = sympy.expand(size.node.expr.subs(question.symbol, question.value))
            if length == sympy.expand(size.node.expr):
                continue
            number = _number(recorder, length, places)
            value = recorder.call(torch.narrow, (value, axis, 0, number), {})
        return value

    return map_leaves(values, known)


Place = tuple[int, SymTensor, int, int]
"""A tensor, by its number among the arguments, and an axis whose size is an unknown one plus a number."""
Places = dict[sympy.Expr, Place]
"""By unknown size: a symbol, or a sum of several where the size of an axis is one."""


def places_of(values: Any) -> Places:
    """Where in a call's arguments the unknown sizes are found."""
    found: Places = {}
    for number, value in enumerate(leaves_of(values)):
        if not isinstance(value, SymTensor):
            continue
        for axis, size in enumerate(value.fake.shape):
            if isinstance(size, int):
                continue
            expr = sympy.expand(size.node.expr)
            offset = expr.as_coeff_Add()[0]
            unknown = expr - offset
            total = len(unknown.free_symbols) > 1 and all(
                _is_linear(unknown, s) for s in unknown.free_symbols
            )
            if offset.is_Integer and (unknown.is_Symbol or total or isinstance(unknown, _LIMITS)):
                found.setdefault(unknown, (number, value, axis, int(offset)))
    return found


def _size(recorder: Recorder, place: Place) -> Any:
    """An unknown size as a number of the host."""
    _, tensor, axis, offset = place
    number = recorder.block.dim_scalar(tensor, axis)
    return scalar_op("sub", number, offset) if offset else number


def _number(recorder: Recorder, expr: sympy.Expr, places: Places) -> Any:
    """A linear expression over unknown sizes as a number of the host."""
    total: Any = int(expr.as_coeff_Add()[0])
    whole = _sum_among(expr, places)
    if whole is not None:
        size = _size(recorder, places[whole])
        return scalar_op("add", size, total) if total else size
    for symbol in sorted(expr.free_symbols, key=str):
        factor, term = int(expr.coeff(symbol)), _size(recorder, places[symbol])
        term = term if factor == 1 else scalar_op("mul", term, factor)
        total = term if type(total) is int and total == 0 else scalar_op("add", term, total)
    return total

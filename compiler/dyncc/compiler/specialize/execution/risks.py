"""Exceptions that operations raise on data, where the program handles them.

Where nobody handles it, the operation raises when the program runs. Where somebody does, what it raises is
a decision: the block ends before the instruction, goes on at the handler for each exception, and otherwise
executes the instruction again, which is then known not to raise.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.specialize.execution import native
from dyncc.compiler.specialize.execution.catching import Handling, handling
from dyncc.compiler.specialize.lists import operations
from dyncc.compiler.specialize.recording import size_ranges
from dyncc.compiler.specialize.recording.cells import fake_of, owner_of
from dyncc.compiler.specialize.recording.fake_calls import name_of
from dyncc.compiler.specialize.recording.nested import leaves_of
from dyncc.compiler.specialize.values import (
    DynamicList,
    DynamicText,
    Scalar,
    SymTensor,
    is_scalar,
    kind_of,
    scalar_op,
)
from dyncc.compiler.specialize.values.decisions import MayRaise
from dyncc.ir.instructions import may_raise
from dyncc.runtime.hostops import EMPTY, HOST_OPS, RAISED
from dyncc.runtime.program import Const, HostOp, Operand, ScalarType, Value

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine


_SAMPLES: dict[str, tuple[Any, ...]] = {
    "int": (0, 1, -1, 2000),
    "float": (0.0, 0.5, -0.5, -1.0, 1e300, float("inf"), float("-inf"), float("nan")),
    "bool": (False, True),
}
_OF_LISTS = {"list_get", "index_within", "list_set", "list_delete"}
"""Operations on lists that raise IndexError with one text."""
_ON_DATA = frozenset(
    "gather index_select embedding take take_along_dim index_add index_add_ index_copy index_copy_ "
    "index_fill index_fill_ index_put index_put_ scatter scatter_ scatter_add scatter_add_ scatter_reduce "
    "scatter_reduce_ one_hot nll_loss cross_entropy bincount "
    "linalg_eigh linalg_svd linalg_lstsq multinomial bernoulli bernoulli_ normal".split()
)
"""Calls of PyTorch that raise for some values in their tensors."""
_JOINS = {"stack": "stack", "cat": "cat", "concat": "cat", "concatenate": "cat"}
_SIZED = frozenset(
    "view reshape expand narrow select unflatten split chunk topk kthvalue zeros ones full empty arange "
    "linspace unfold repeat".split()
)
"""Calls of PyTorch that raise for some numbers."""


class Risks:
    """Of one machine. ``passed``: how many operations of the instruction are known not to raise."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.passed = 0
        self.resting = False
        """Whether the compiler itself makes the calls, which do not raise."""
        self.asked = False
        """Whether what the present call of PyTorch raises for certain sizes has been asked."""

    def host_op(self, op: str, operands: Sequence[Operand]) -> None:
        """To be asked before a host operation is recorded. Raises MayRaise where its failing is handled."""
        if self.resting:
            return
        block, step = self.machine.block, HostOp(op, tuple(operands), Value("", ScalarType("int")))
        if not may_raise(step, [None] * len(operands)):
            return
        types = [block.type_of_operand(operand) for operand in operands]
        if not may_raise(step, types):
            return
        samples = tuple(
            (operand.value,) if isinstance(operand, Const) else _SAMPLES.get(getattr(type_, "kind", ""), ())
            for operand, type_ in zip(operands, types, strict=True)
        )
        errors = _errors(op, samples)
        self.check(errors, lambda: block.host_leaf("raises", [Const(op), *operands], "int", "raised"))

    def check(
        self, errors: dict[int, BaseException], what: Callable[[], Scalar], always: bool = False
    ) -> None:
        """``what`` tells which of ``errors`` is raised.

        Raises MayRaise where one of them is handled; ``always``: and where none is, as the engine would
        not fail, or would raise something else.
        """
        if not errors:
            return
        self.machine.facts.must_interpret(native.protecting_code())
        if not always and not any(self.handling(type(error)) for error in errors.values()):
            return
        frame, _ = self.machine.executing
        if self.passed < frame.cleared:
            self.passed += 1
            return
        raise MayRaise(what(), errors)

    def call(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """To be asked before a call of PyTorch is recorded; a refusal where its failing may be caught."""
        self.asked = False
        if self.resting:
            return
        name = getattr(func, "__name__", "")
        item = name == "__getitem__" and isinstance(args[0], SymTensor)
        if item and kind_of(args[1]) == "int" and args[0].fake.dim():
            self._index(args[0], args[1])
        elif name in _JOINS and (args or kwargs):
            self._join(_JOINS[name], args[0] if args else next(iter(kwargs.values())))
        elif name in _ON_DATA or (item and _by_tensor(args[1])) or _sized(name, args, kwargs):
            self._refuse_caught(func, "on data")

    def sizes(self, func: Any) -> None:
        """To be told that a recorded call raises for certain sizes; a refusal where that may be caught."""
        if not self.resting and not self.asked:
            self._refuse_caught(func, "for certain sizes")

    def may_catch(self) -> bool:
        """Whether the program catches what calls of PyTorch raise, also where its code runs natively."""
        return not self.resting and (self._catches() or bool(native.protecting_code()))

    def single(self, tensor: torch.Tensor, kind: type[Exception], none: str, several: str) -> None:
        """To be asked before the value of ``tensor`` is read, which raises where that is not one element.

        It raises a ``kind`` of the texts ``none`` and ``several``, with ``{}`` for how many there are.
        """
        recorder = self.machine.recorder
        owner = owner_of(recorder, tensor)
        if self.resting or isinstance(fake_of(recorder, tensor).numel(), int):
            return
        sizes = [recorder.size(owner, axis) for axis in range(owner.fake.dim())]
        count = functools.reduce(lambda left, right: scalar_op("mul", left, right), sizes)
        if not is_scalar(count):
            return

        def error(text: str) -> Exception:
            before, braces, after = text.partition("{}")
            return kind(DynamicText((before, (count, "", ""), after)) if braces else text)

        def which() -> Scalar:
            empty, many = scalar_op("int", scalar_op("lt", count, 1)), scalar_op("gt", count, 1)
            return scalar_op("add", empty, scalar_op("mul", scalar_op("int", many), 2))

        self.check({1: error(none), 2: error(several)}, which, always=True)

    def _refuse_caught(self, func: Any, when: str) -> None:
        self.machine.facts.must_interpret(native.protecting_code())
        if self._catches():
            self.machine.refuse(
                "DY107", f"the program may catch an exception that `{name_of(func)}` raises {when}",
                "this call, inside of a `try` or `with`",
                helps=("test for what makes it fail with an `if` before the call",),
            )  # fmt: skip

    def _catches(self) -> bool:
        return "except" in map(self.handling, (IndexError, RuntimeError, ValueError))

    @contextmanager
    def certain(self) -> Iterator[None]:
        """What is called inside does not raise."""
        before, self.resting = self.resting, True
        try:
            yield
        finally:
            self.resting = before

    def _index(self, tensor: SymTensor, index: int | Scalar) -> None:
        """``tensor[index]`` raises where there is no such element."""
        size = self.machine.recorder.size(tensor, 0)
        if not is_scalar(index) and not is_scalar(size):
            return
        self.asked = True
        if not self.handling(IndexError) and not native.protecting_code():
            return
        last = (size, "", "") if is_scalar(size) else str(size)
        parts = ("index ", (index, "", ""), " is out of bounds for dimension 0 with size ", last)
        below, above = scalar_op("lt", scalar_op("add", index, size), 0), scalar_op("ge", index, size)
        error = IndexError(DynamicText(parts))
        self.check({1: error}, lambda: scalar_op("int", scalar_op("or_", below, above)))

    def _join(self, op: str, items: Any) -> None:
        """``stack`` and ``cat`` raise for a list that turns out to be empty."""
        if isinstance(items, DynamicList) and not items.tail:
            error = (RuntimeError if op == "stack" else ValueError)(EMPTY[op])
            self.check(
                {1: error},
                lambda: scalar_op("int", scalar_op("eq", operations.length(self.machine, items), 0)),
            )

    def handling(self, error: type[BaseException]) -> Handling:
        """What the program does about ``error`` here."""
        found = {handling(frame, error) for frame in self.machine.frames}
        return "except" if "except" in found else "finally" if "finally" in found else ""


def _by_tensor(index: Any) -> bool:
    """Whether an index looks elements up by numbers in a tensor, or by several; a mask cannot miss."""
    parts = index if isinstance(index, tuple) else (index,)
    tensors = (part for part in parts if isinstance(part, torch.Tensor))
    masks = (getattr(tensor, "fake", tensor).dtype is torch.bool for tensor in tensors)
    return any(map(is_scalar, parts)) or not all(masks)


def _sized(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call may raise for a number. (For sizes of tensors it is tried where it is recorded.)"""
    numbers = (value for value in leaves_of((args, kwargs)) if is_scalar(value))
    return name in _SIZED and not all(size_ranges.is_of_sizes(number.expr) for number in numbers)


def _errors(op: str, samples: tuple[tuple[Any, ...], ...]) -> dict[int, BaseException]:
    """What an operation raises on such operands, by the numbers of the host operation ``raises``."""
    if op in _OF_LISTS:
        read = op in ("list_get", "index_within")
        text = "list index out of range" if read else "list assignment index out of range"
        return {1 + RAISED.index(IndexError): IndexError(text)}
    found = _tried(op, tuple(map(_hashable, samples)))
    return {number: type(error)(*error.args) for number, error in found.items()}


def _hashable(values: tuple[Any, ...]) -> tuple[tuple[type, str], ...]:
    return tuple((type(value), repr(value)) for value in values)


@functools.cache
def _tried(op: str, samples: tuple[tuple[tuple[type, str], ...], ...]) -> dict[int, BaseException]:
    found: dict[int, BaseException] = {}
    columns = [[kind(text) if kind is not bool else text == "True" for kind, text in s] for s in samples]
    for values in itertools.product(*columns):
        try:
            HOST_OPS[op].evaluate(*values)
        except RAISED as error:
            found.setdefault(1 + next(i for i, kind in enumerate(RAISED) if isinstance(error, kind)), error)
        except Exception:
            continue
    return found

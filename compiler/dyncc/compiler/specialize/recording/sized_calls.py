"""Calls on fake tensors whose result holds for all sizes that are not known, or that are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import sympy
import torch
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses.fake_tensor import FakeTensor
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode, free_unbacked_symbols

from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.lower.replace import QUANTILES, RECURRENT, replacement
from dyncc.compiler.size_checks import as_size
from dyncc.compiler.specialize.recording import guards, overlap, questions, refusals, size_ranges
from dyncc.compiler.specialize.recording.fake_calls import (
    FAKE_FAILURES,
    RandomOperator,
    has_unbacked,
    is_internal,
    mentions_symbol,
    name_of,
)
from dyncc.compiler.specialize.recording.nested import leaves_of, map_leaves
from dyncc.compiler.specialize.values import Restart, SymTensor
from dyncc.compiler.specialize.values.decisions import Cut

_LARGEST = 10_000_000
"""Elements of a tensor up to which one is made to see what PyTorch says."""

_NO_SYMBOLS = (
    "SymIntArrayRef expected",
    "on tensor with symbolic sizes/strides",
    "python_arg_parser.cpp",
    "PyObjectSlot.h",
)
"""What kernels say that take numbers alone for sizes."""

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


@dataclass(frozen=True)
class _Call:
    """A call of the program on fake tensors. ``original``: its arguments as the program gave them."""

    recorder: Recorder
    func: Callable[..., Any]
    args: Any
    kwargs: Any
    original: tuple[Any, Any]

    @property
    def allowed(self) -> guards.Allowed:
        return questions.allowed(self.recorder)

    def knows_equal(self, shapes: Mapping[Any, Sequence[Any]]) -> bool:
        """Whether one of the sizes is known to be another, or a number, which the fake call is not told."""
        equal = {question.symbol for question, answer in self.recorder.block.size_answers if answer}
        sizes = (size for shape in shapes.values() for size in shape if not isinstance(size, int))
        return bool(equal) and any(equal & size.free_symbols for size in sizes)

    def settle(self, conditions: Sequence[Any]) -> bool:
        """Whether a question among guards was answered by no (see ``questions.settle``)."""
        open_ = questions.unanswered(self.recorder, conditions)
        return questions.settle(self.recorder, open_, self.original)

    def demand_ranges(self, conditions: Sequence[Any] = ()) -> None:
        """Where the call depends on the least or largest of sizes: have ranges told, and begin again."""
        block, facts = self.recorder.block, self.recorder.facts
        shapes = guards.shapes_of(leaves_of((self.args, self.kwargs)))
        sizes = [size for shape in shapes.values() for size in shape]
        if size_ranges.matter((*sizes, *conditions)):
            facts.demand_ranges(block.size_places)
        symbols = {symbol for size in sizes if not isinstance(size, int) for symbol in size.free_symbols}
        if self.recorder.has_lengths and len(symbols) > 1:
            facts.demand_lengths()

    def undecided(self, why: object) -> CompileError:
        return refusals.undecided(self.func, why, self.recorder.block.span)

    def failure(self, why: object) -> CompileError:
        return refusals.failure(self.func, why, self.recorder.block.span)


_OUT_OF_RANGE = "not in VR["


def run_fake(
    recorder: Recorder, func: Callable[..., Any], args: Any, kwargs: Any, original: tuple[Any, Any]
) -> Any:
    """The call on fake tensors, whose result holds for all sizes that are not known.

    Raises Fixed or Known where it does so for certain sizes that can be checked or asked for.
    """
    func = replacement(func) if func in QUANTILES else func
    call = _Call(recorder, func, args, kwargs, original)
    shapes = guards.shapes_of(leaves_of((args, kwargs)))
    if all(isinstance(size, int) for shape in shapes.values() for size in shape):
        return _attempt(call)
    if func in _SQUEEZES:
        _ask_for_ones(call)
    before = guards.Assumptions.before(recorder.block.shape_env)
    sizes = guards.unknown_sizes(leaves_of((args, kwargs)))
    result = _attempt(call, before)
    fixed = before.fixed()
    if fixed and guards.takes_others(func, args, kwargs, shapes, call.allowed, fixed):
        before.undo()  # a kernel that takes sizes for numbers: its decomposition in Python may not
        with before.without_effect():
            result = _attempt(call, before, by_python=True)
    if before.made() or call.knows_equal(shapes):
        fixed, conditions = before.fixed(), before.conditions()
        before.undo()
        if guards.matter(func, args, kwargs, result, shapes, call.allowed):
            with recorder.faking():
                result = guards.fitted(func, args, kwargs, result, shapes, sizes)
            before.undo()
            right = result is not None and not guards.matter(
                func, args, kwargs, result, shapes, call.allowed
            )
            why = "" if right else "its result has another form for each"
        elif fixed and guards.shares(result, args, kwargs):
            why = "it needs a certain size for a view"
        elif not fixed or guards.takes_others(func, args, kwargs, shapes, call.allowed, fixed):
            why = ""
            # a table of 64 rows fits a sequence that is no longer, which is no question to the exporter
            if size_ranges.matter(conditions) and call.settle(conditions):
                return run_fake(recorder, func, args, kwargs, original)
        else:
            before.undo(asserted=True)  # the call is made on checked sizes instead
            raise guards.Fixed(fixed, guards.spread(func, args, kwargs, shapes, fixed))
        if why:
            if call.settle(conditions):
                return run_fake(recorder, func, args, kwargs, original)
            _give_or_demand(call, why)
    asserted = before.asserted()
    if asserted and guards.too_strict(func, args, kwargs, shapes, call.allowed, asserted):
        _give_or_demand(call, f"it needs {asserted[0]}")
    return result


_SQUEEZES = (torch.squeeze, torch.Tensor.squeeze, torch.Tensor.squeeze_)


def _ask_for_ones(call: _Call) -> None:
    """Ask of each size that may be removed whether it is one: a fake call takes it not to be, silently."""
    tensor, *dims = (*call.args, *call.kwargs.values())
    chosen = dims[0] if dims else range(tensor.dim())
    axes = (chosen,) if isinstance(chosen, int) else tuple(chosen)
    inside = [axis for axis in axes if -tensor.dim() <= axis < tensor.dim()]
    unknown = [tensor.shape[axis] for axis in inside if not isinstance(tensor.shape[axis], int)]
    conditions = [sympy.Eq(size.node.expr, 1) for size in unknown]
    asked = [condition for condition in conditions if condition not in (sympy.true, sympy.false)]
    in_place = call.func is torch.Tensor.squeeze_
    put = [question for condition in asked for question in questions.questions_of(condition) or ()]
    for question in put:
        if questions.answer_known(call.recorder, question) and not in_place:
            raise questions.Known(question)  # an earlier call asked that
    while open_ := [c for c in asked if questions.unanswered(call.recorder, [c])]:
        if in_place or not call.settle(open_):
            _give_or_demand(call, f"whether {open_[0].lhs} is one decides on its form")


def record_known(
    recorder: Recorder, func: Callable[..., Any], values: tuple[Any, Any], question: questions.Question
) -> Any:
    """Record a call with what is known of a size: on views of that size."""
    args, kwargs = questions.with_known(recorder, question, values)
    result = recorder.record(func, args, kwargs)
    for given, viewed in zip(leaves_of(values), leaves_of((args, kwargs)), strict=True):
        if result is viewed:  # a call that gives back what it has changed
            return given
    return result


def refuse_overlap(
    recorder: Recorder, func: Callable[..., Any], values: tuple[Any, Any], written: Sequence[torch.Tensor]
) -> None:
    """Raise what PyTorch raises where a call writes into memory that overlaps."""
    args, kwargs = values
    try:
        overlap.check_overlap(func, args, kwargs, written, questions.allowed(recorder))
    except overlap.DependsOnSizes:
        why = "PyTorch refuses to write into memory that overlaps, and whether it does is not known"
        raise refusals.undecided(func, why, recorder.block.span) from None


def as_sizes(recorder: Recorder, func: Callable[..., Any], values: Any, needed: guards.Fixed) -> Any:
    """The arguments of a call, with those checked whose size it takes for granted."""
    found = False

    def checked(value: Any) -> Any:
        nonlocal found
        if not isinstance(value, SymTensor) or not guards.holds(value.fake, needed.sizes):
            return value
        sizes = guards.with_sizes(value.fake, needed.sizes)
        if sizes is None:
            raise refusals.undecided(func, "several of its sizes are in doubt", recorder.block.span)
        found = True
        return recorder.record(as_size, (value, tuple(sizes), needed.spreads), {})

    made = map_leaves(values, checked)
    if not found:
        raise refusals.undecided(func, "it needs a certain number", recorder.block.span)
    return made


def _attempt(call: _Call, before: guards.Assumptions | None = None, by_python: bool = False) -> Any:
    func, args, kwargs = call.func, call.args, call.kwargs
    recorder = call.recorder
    if before is not None and func in RECURRENT:  # their kernels end the process where a size is a symbol
        func = replacement(func)
    try:
        try:
            with enable_python_dispatcher() if by_python else nullcontext(), recorder.faking():
                return func(*args, **kwargs)
        except GuardOnDataDependentSymNode:
            # the same function in terms of operators that do not ask for sizes
            other = replacement(func)
            if other is func:
                raise
            with recorder.faking():
                return other(*args, **kwargs)
        except RuntimeError as error:
            if not any(mark in str(error) for mark in _NO_SYMBOLS):
                raise
            # a composite operator without a kernel for symbolic sizes: through its Python decomposition
            with enable_python_dispatcher(), recorder.faking():
                return func(*args, **kwargs)
    except FAKE_FAILURES as error:
        _refuse_fake(call, error)
    except RandomOperator as error:
        raise refusals.random(func, str(error), kwargs, recorder.block.span) from None
    except (Restart, Cut, CompileError):
        raise
    except Exception as error:
        if isinstance(error, AssertionError) and _OUT_OF_RANGE in str(error):
            # an unknown size was taken for one of few values, and is thought of as another number
            _give_or_demand(call, "two of its sizes may differ")
        conditions = before.conditions() if before else ()
        if before is not None and before.fixed():
            before.undo()  # sizes are unknown again that the call took for what stands for them
        raise _of_program(call, error, conditions) from None


def _refuse_fake(call: _Call, error: Exception) -> NoReturn:
    """A fake call cannot go on without a value: end the block before it, begin again, or refuse."""
    # A guard asks about a size; a number that must be a plain one is another matter.
    guard = isinstance(error, GuardOnDataDependentSymNode)
    computed = guard and has_unbacked((call.args, call.kwargs))
    asks = computed and questions.questions_of(error.cond) is not None  # type: ignore[attr-defined]
    if not asks or call.recorder.block.used_origins & call.recorder.facts.symbols:
        call.recorder.demand_sizes(call.original)
    undecided = guard and "specialized integer" not in str(error)
    refusal = call.undecided(error) if undecided else call.failure(error)
    if computed:
        _give_sizes(call, refusal)
    raise refusal from error


def _give_sizes(call: _Call, refusal: CompileError) -> NoReturn:
    """End the block before a call that asks about a size which the block computes: the next one has it."""
    block = call.recorder.block
    origins = call.recorder.given.setdefault((block.span, name_of(call.func)), set())
    origins |= block.used_origins
    raise Cut(refusal.diagnostics[0]) from None


def _give_or_demand(call: _Call, why: str) -> NoReturn:
    """Have the sizes known that a call depends on: given to the block, or static, or else refuse it."""
    tensors = [value for value in leaves_of((call.args, call.kwargs)) if isinstance(value, torch.Tensor)]
    generalized = call.recorder.block.used_origins & call.recorder.facts.symbols
    call.demand_ranges()
    if has_unbacked(tensors) and not generalized:
        _give_sizes(call, call.undecided(why))
    call.recorder.demand_sizes(call.original)
    if has_unbacked(tensors):
        _give_sizes(call, call.undecided(why))
    raise call.undecided(why)


def _of_program(call: _Call, error: Exception, conditions: Sequence[Any]) -> Exception:
    """What the program raises where its call on fake tensors raised ``error``, having put ``conditions``.

    Raises what refuses the call where that is not known.
    """
    recorder = call.recorder
    call.demand_ranges(conditions)
    while call.settle(conditions):
        pass
    shapes = guards.shapes_of(leaves_of((call.args, call.kwargs)))
    unknown = mentions_symbol(str(error)) or any(map(guards.symbols_of, shapes.values()))
    # (no condition: what it needs is false of all sizes that are large)
    while unknown and (not conditions or questions.all_answered(recorder, conditions)):
        taken = guards.taken(call.func, call.args, call.kwargs, shapes, call.allowed)
        if not taken:
            if not mentions_symbol(str(error)):
                break
            return type(error)(f"`{name_of(call.func)}` does not take tensors of these sizes")
        # a size of zero or one is a case of its own, which PyTorch does not always ask for
        if not questions.settle(recorder, questions.small(taken, call.original), call.original):
            break
    if recorder.block.used_origins:
        recorder.demand_sizes(call.original)
    asked = guards.numbers_in((call.args, call.kwargs))
    if unknown and guards.taken(call.func, call.args, call.kwargs, shapes, call.allowed, asked):
        # it raises for the sizes that stand for them while compiling, and not for all
        recorder.facts.demand_ranges(recorder.block.size_places)
        raise call.undecided(error) from error
    if is_internal(error):
        raise call.failure(error) from error
    if mentions_symbol(str(error)):
        raise call.undecided(error) from error
    same = _as_eager(call.func, call.args, call.kwargs, error)
    if same is None:
        raise call.failure(error) from error
    return same


def _as_eager(func: Callable[..., Any], args: Any, kwargs: Any, error: Exception) -> Exception | None:
    """What PyTorch itself raises where a fake call raised ``error``, whose type and text may be others.

    None where it raises nothing: then it is fake tensors that cannot do it.
    """
    if any(isinstance(v, torch.SymInt | torch.SymFloat | torch.SymBool) for v in leaves_of((args, kwargs))):
        return error

    def real(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        if value.numel() > _LARGEST or not all(isinstance(size, int) for size in value.shape):
            raise ValueError("too large, or of unknown size")
        return torch.zeros(value.shape, dtype=value.dtype)

    try:
        with torch._C.DisableTorchFunction(), torch.no_grad():
            func(*map_leaves(args, real), **map_leaves(kwargs, real))
    except ValueError as other:
        return error if "too large" in str(other) else other
    except Exception as other:
        return other
    return None


def share_mask(recorder: Recorder, func: Any, args: Any, kwargs: Any, result: Any) -> None:
    """The same mask computed twice selects as many elements: let fake tensors know."""
    if not isinstance(result, FakeTensor) or result.dtype is not torch.bool:
        return
    version = tuple(sorted(recorder.block.mutated))
    key = (getattr(func, "__name__", str(func)), repr(args), repr(kwargs), version)
    earlier = recorder.block.masks.setdefault(key, result)
    if earlier is not result and earlier.nonzero_memo is not None:
        result.nonzero_memo = earlier.nonzero_memo


def share_slice(recorder: Recorder, func: Any, args: Any, result: Any) -> None:
    """The same bounds cut as much from sizes that are equal: let fake tensors know."""
    if getattr(func, "__name__", "") != "__getitem__" or not isinstance(result, FakeTensor):
        return
    tensor, index = args[0], args[1] if type(args[1]) is tuple else (args[1],)
    slices = [part for part in index if isinstance(part, slice)]
    if len(slices) != len(index) or tensor.dim() != result.dim():
        return
    env, shares = recorder.block.shape_env, recorder.block.slices
    for before, part, after in zip(tensor.shape, slices, result.shape, strict=False):
        if isinstance(after, int) or not after.node.expr.is_Symbol or not free_unbacked_symbols(after):
            continue
        key = (str(before), str(part.start), str(part.stop), str(part.step))
        earlier = shares.setdefault(key, after)
        if earlier is not after and str(earlier) != str(after):
            env._set_replacement(after.node.expr, earlier.node.expr, "the same slice")

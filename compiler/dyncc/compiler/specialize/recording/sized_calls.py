"""Calls on fake tensors whose result holds for all sizes that are not known, or that are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses.fake_tensor import FakeTensor
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.lower.replace import replacement
from dyncc.compiler.size_checks import as_size
from dyncc.compiler.specialize.recording import guards, refusals
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

if TYPE_CHECKING:
    from dyncc.compiler.specialize.recording.recorder import Recorder


def run_fake(
    recorder: Recorder, func: Callable[..., Any], args: Any, kwargs: Any, original: tuple[Any, Any]
) -> Any:
    """The call on fake tensors, whose result holds for all sizes that are not known."""
    shapes = guards.shapes_of(leaves_of((args, kwargs)))
    if all(isinstance(size, int) for shape in shapes.values() for size in shape):
        return _attempt(recorder, func, args, kwargs, original)
    before = guards.Assumptions.before(recorder.block.shape_env)
    sizes = guards.unknown_sizes(leaves_of((args, kwargs)))
    result = _attempt(recorder, func, args, kwargs, original)
    if not before.made():
        return result
    fixed = before.fixed()
    before.undo()
    if not guards.matter(func, args, kwargs, result, shapes):
        if fixed and guards.shares(result, args, kwargs):
            raise refusals.undecided(func, "it needs a certain size for a view", recorder.block.span)
        if fixed:
            raise guards.Fixed(fixed, guards.spread(func, args, kwargs, shapes, fixed))
        return result
    with recorder.faking():
        fitted = guards.fitted(func, args, kwargs, result, shapes, sizes)
    before.undo()
    if fitted is None or guards.matter(func, args, kwargs, fitted, shapes):
        recorder.demand_sizes(original)
        raise refusals.undecided(func, "its result has another form for each", recorder.block.span)
    return fitted


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


def _attempt(
    recorder: Recorder, func: Callable[..., Any], args: Any, kwargs: Any, original: tuple[Any, Any]
) -> Any:
    try:
        try:
            with recorder.faking():
                return func(*args, **kwargs)
        except RuntimeError as error:
            if "SymIntArrayRef expected" not in str(error):
                raise
            # a composite operator without a kernel for symbolic sizes: through its Python decomposition
            with enable_python_dispatcher(), recorder.faking():
                return func(*args, **kwargs)
        except GuardOnDataDependentSymNode:
            # the same function in terms of operators that do not ask for sizes
            other = replacement(func)
            if other is func:
                raise
            with recorder.faking():
                return other(*args, **kwargs)
    except FAKE_FAILURES as error:
        recorder.demand_sizes(original)
        # A guard asks about a size; a number that must be a plain one is another matter.
        guard = isinstance(error, GuardOnDataDependentSymNode)
        undecided = guard and "specialized integer" not in str(error)
        say = refusals.undecided if undecided else refusals.failure
        refusal = say(func, error, recorder.block.span)
        if guard and has_unbacked((args, kwargs)):
            # a size that this block computes is in doubt; to the next block it is a size like any other
            recorder.given.add((recorder.block.span, name_of(func)))
            raise Cut(refusal.diagnostics[0]) from error
        raise refusal from error
    except RandomOperator as error:
        raise refusals.random(func, str(error), recorder.block.span) from None
    except (Restart, Cut, CompileError):
        raise
    except Exception as error:
        if recorder.block.used_origins:
            recorder.demand_sizes(original)
        if is_internal(error):
            raise refusals.failure(func, error, recorder.block.span) from error
        if mentions_symbol(str(error)):
            raise refusals.undecided(func, error, recorder.block.span) from error
        same = _as_eager(func, args, kwargs, error)
        if same is None:
            raise refusals.failure(func, error, recorder.block.span) from error
        raise same from None


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

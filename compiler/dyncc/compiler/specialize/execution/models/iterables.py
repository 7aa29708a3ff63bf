"""Iterators and the containers that are made of them."""

from __future__ import annotations

import contextlib
import itertools
import types
from typing import TYPE_CHECKING, Any

import torch

from dyncc.compiler.diagnostics import CompileError
from dyncc.compiler.specialize import prelude
from dyncc.compiler.specialize.execution.frames import Generator, Push
from dyncc.compiler.specialize.execution.models.dynamic import needs_prelude
from dyncc.compiler.specialize.execution.models.registry import MODELS, model
from dyncc.compiler.specialize.execution.operators import conditions, iteration
from dyncc.compiler.specialize.lists import operations
from dyncc.compiler.specialize.prelude import itertools_
from dyncc.compiler.specialize.values import Decision, DynamicList

if TYPE_CHECKING:
    from dyncc.compiler.specialize.execution.machine import Machine
    from dyncc.compiler.specialize.execution.models.registry import Model


@model(iter)
def _iter(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return iteration.iterator(machine, args[0]) if len(args) == 1 else NotImplemented


@model(next)
def _next(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if isinstance(args[0], Generator) and len(args) == 1:
        return Push(None, (), {}, resume=args[0])
    method = getattr(type(args[0]), "__next__", None)
    if not isinstance(method, types.FunctionType):
        return NotImplemented
    return Push(prelude.next_or, args, {}) if len(args) == 2 else Push(method, args, {})


def _iterators(machine: Machine, values: tuple[Any, ...]) -> list[Any] | None:
    made: list[Any] = []
    for value in values:
        iterator = iteration.iterator(machine, value)
        if isinstance(iterator, Push):
            return None
        made.append(iterator)
    return made


@model(zip)
def _zip(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    iterators = _iterators(machine, args)
    return (
        NotImplemented if iterators is None else prelude.ZipIterator(iterators, kwargs.get("strict", False))
    )


@model(enumerate)
def _enumerate(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    iterators = _iterators(machine, args[:1])
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    return NotImplemented if iterators is None else prelude.EnumerateIterator(iterators[0], start)


@model(map)
def _map(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    iterators = _iterators(machine, args[1:])
    return NotImplemented if iterators is None else prelude.MapIterator(args[0], iterators)


@model(filter)
def _filter(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    iterators = _iterators(machine, args[1:])
    return NotImplemented if iterators is None else prelude.FilterIterator(args[0], iterators[0])


@model(reversed)
def _reversed(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    value = args[0]
    if isinstance(value, torch.Tensor):
        return prelude.SequenceIterator(tuple(reversed(machine.native(torch.unbind, value))))
    if isinstance(value, prelude.DynamicRange):
        last = value.start + (conditions.range_length(value) - 1) * value.step
        return prelude.RangeIterator(last, value.start - value.step, -value.step)
    if isinstance(value, range):
        return iteration.iterator(machine, value[::-1])
    if isinstance(value, DynamicList):
        backwards = operations.get(machine, value, slice(None, None, -1))
        return iteration.iterator(machine, backwards)
    return prelude.SequenceIterator(tuple(machine.native(reversed, value)))


@model(list)
def _list(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not args:
        return NotImplemented
    if isinstance(args[0], DynamicList):
        return operations.copied(machine, args[0])
    return (
        Push(prelude.as_list, args, {})
        if needs_prelude(machine, args[0])
        else iterated(machine, list, args)
    )


@model(tuple)
def _tuple(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not args:
        return NotImplemented
    if isinstance(args[0], DynamicList):
        reason = machine.diagnose(
            "DY110", "the number of elements of this tuple is known only at run time", "made here",
            helps=("keep the list, whose length may depend on data",),
        )  # fmt: skip
        machine.facts.demand(args[0].origins, reason)
        raise CompileError([reason])
    return (
        Push(prelude.as_tuple, args, {})
        if needs_prelude(machine, args[0])
        else iterated(machine, tuple, args)
    )


def iterated(machine: Machine, cls: Any, args: tuple[Any, ...]) -> Any:
    """Iterate a tensor as the machine does, anything else natively."""
    if len(args) == 1 and isinstance(args[0], torch.Tensor):
        return cls(machine.native(torch.unbind, args[0]))
    return NotImplemented


@model(itertools.islice)
def _islice(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    iterators = _iterators(machine, args[:1])
    bounds = slice(*args[1:])
    static = all(b is None or type(b) is int for b in (bounds.start, bounds.stop, bounds.step))
    if iterators is None or not static:
        return NotImplemented
    return prelude.SliceIterator(iterators[0], bounds.start or 0, bounds.stop, bounds.step or 1)


@model(itertools.count)
def _count(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    start = args[0] if args else kwargs.get("start", 0)
    return prelude.CountIterator(start, args[1] if len(args) > 1 else kwargs.get("step", 1))


def _calls_back(definition: Any) -> Model:
    """A generator of the prelude in the place of an iterator that calls functions, as late as it does."""
    return lambda machine, args, kwargs: Push(definition, args, kwargs)


def _rearranges(original: Any, definition: Any) -> Model:
    """What only puts items together is made whole where they are known; else a generator does it."""

    def apply_rearranging(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        sources = [each for value in (*args, *kwargs.values()) for each in _held(value)]
        if any(isinstance(source, DynamicList) for source in sources):
            return NotImplemented  # (so that the list is kept at known lengths)
        calls_back = original is itertools.accumulate and (len(args) > 1 or "func" in kwargs)
        if not calls_back and not any(needs_prelude(machine, source) for source in sources):
            with contextlib.suppress(Decision):  # (a user's class may decide when one goes through it)
                made = machine.native(original, *args, **kwargs)
                return prelude.SequenceIterator(machine.native(tuple, made))
        return Push(definition, args, kwargs)

    return apply_rearranging


def _held(value: Any) -> tuple[Any, ...]:
    return (value, *value) if type(value) in (list, tuple) else (value,)


for _name in ("takewhile", "dropwhile", "filterfalse", "compress", "starmap", "cycle", "groupby"):
    MODELS[getattr(itertools, _name)] = _calls_back(getattr(itertools_, _name))

for _name in ("accumulate", "pairwise", "zip_longest", "product", "permutations", "combinations"):
    MODELS[getattr(itertools, _name)] = _rearranges(getattr(itertools, _name), getattr(itertools_, _name))

MODELS[itertools.chain.from_iterable] = _rearranges(
    itertools.chain.from_iterable, itertools_.chain_from_iterable
)


@model(itertools.chain)
def _chain(machine: Machine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    iterators = _iterators(machine, args)
    return NotImplemented if iterators is None else prelude.ChainIterator(iterators)

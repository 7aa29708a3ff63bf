"""Builtins that call back or decide, and other code of CPython and PyTorch that is written in C."""

from __future__ import annotations

import collections
import math
import sys
from typing import Any

import torch

from dyncc.compiler.specialize.prelude.iterators import MISSING, DynamicRange
from dyncc.compiler.specialize.prelude.keys import unsupported
from dyncc.compiler.specialize.values import is_scalar, kind_of, scalar_op
from dyncc.compiler.specialize.values.numbers import whole_power

COMPENSATED = sys.version_info >= (3, 12)
"""Whether ``sum`` of floats makes up for what rounding takes (CPython from 3.12 on)."""

LEGACY = {
    torch.FloatTensor: torch.float32, torch.DoubleTensor: torch.float64, torch.LongTensor: torch.int64,
    torch.IntTensor: torch.int32, torch.BoolTensor: torch.bool, torch.ByteTensor: torch.uint8,
    torch.HalfTensor: torch.float16, torch.ShortTensor: torch.int16, torch.CharTensor: torch.int8,
}  # fmt: skip
"""Constructors that are named after a dtype."""


def legacy_dtype(constructor: Any) -> torch.dtype | None:
    """That of ``torch.LongTensor(…)`` and the like, and of ``torch.Tensor(…)``."""
    return torch.get_default_dtype() if constructor is torch.Tensor else LEGACY.get(constructor)


def next_or(iterator: Any, default: Any) -> Any:
    try:
        return iterator.__next__()
    except StopIteration:
        return default


def close_generator(generator: Any) -> None:
    try:
        generator.throw(GeneratorExit())
    except (GeneratorExit, StopIteration):
        return
    raise RuntimeError("generator ignored GeneratorExit")


def as_list(iterable: Any) -> Any:
    result = []
    for item in iterable:
        result.append(item)
    return result


def as_tuple(iterable: Any) -> Any:
    return tuple(as_list(iterable))


def of_lists(func: Any, args: Any, kwargs: Any) -> Any:
    """A call that goes through its arguments, which are iterators or others, and made lists here."""
    made = []
    for arg in args:
        made.append(list(arg) if hasattr(type(arg), "__next__") else arg)
    return func(*made, **kwargs)


def power(base: Any, exponent: Any) -> Any:
    """``**`` of whole numbers: with a negative exponent, CPython makes floats of them first."""
    if exponent < 0:
        return float(base) ** float(exponent)
    return whole_power(base, exponent)


def taken_in(func: Any, container: Any, name: Any, args: Any, kwargs: Any) -> Any:
    """A call that makes or changes a container by the items of lists whose lengths are not known."""
    made = container is None
    if made:
        container, name = func(**kwargs), "update"
    elif kwargs:
        unsupported(f"`{name}` takes a list of run-time length and names", "call it for each")
    put = _way_in(container, name)
    for iterable in args:
        for item in iterable:
            put(container, item)
    return container if made else None


def _way_in(container: Any, name: Any) -> Any:
    """What a method of a container does with each item of its arguments."""
    if name == "extendleft":
        return _prepend
    if isinstance(container, (list, collections.deque)):
        return _append
    if isinstance(container, collections.Counter) and name in ("update", "subtract"):
        return _count if name == "update" else _uncount
    if name == "update":
        return _set_pair if isinstance(container, dict) else _add
    kind = type(container).__name__
    unsupported(
        f"`{name}` of a {kind} goes through a list of run-time length", "write a loop over the list"
    )


def _prepend(container: Any, item: Any) -> None:
    container.appendleft(item)


def _append(container: Any, item: Any) -> None:
    container.append(item)


def _count(container: Any, item: Any) -> None:
    container[item] += 1


def _uncount(container: Any, item: Any) -> None:
    container[item] -= 1


def _set_pair(container: Any, item: Any) -> None:
    key, value = item
    container[key] = value


def _add(container: Any, item: Any) -> None:
    container.add(item)


def contained(method: Any, container: Any, item: Any, negated: Any) -> Any:
    found = bool(method(container, item))
    return not found if negated else found


def truth_by(method: Any, value: Any) -> Any:
    """``bool(value)`` by a ``__bool__`` or ``__len__``."""
    return bool(method(value))


def operate(attempts: Any, symbol: Any, operands: Any, types: Any) -> Any:
    """A binary operator or comparison: the first method that implements it for these operands.

    ``attempts`` are (method, its two arguments, whether its result is negated), as CPython would ask them;
    ``types`` are the names of the operands' types, for the error.
    """
    for method, one, other, negated in attempts:
        result = method(one, other)
        if result is not NotImplemented:
            return not result if negated else result
    if symbol == "==":
        return operands[0] is operands[1]
    if symbol == "!=":
        return operands[0] is not operands[1]
    if symbol in ("<", "<=", ">", ">="):
        raise TypeError(f"'{symbol}' not supported between instances of '{types[0]}' and '{types[1]}'")
    name = "** or pow()" if symbol == "**" else symbol
    raise TypeError(f"unsupported operand type(s) for {name}: '{types[0]}' and '{types[1]}'")


def missing_attribute(fallback: Any, name: Any, obj: Any) -> Any:
    """An attribute that only the class's ``__getattr__`` gives."""
    return fallback(obj, name)


def join_text(separator: Any, items: Any) -> Any:
    return separator.join(list(items))


def range_with_step(start: Any, stop: Any, step: Any) -> Any:
    if step == 0:
        raise ValueError("range() arg 3 must not be zero")
    return DynamicRange(start, stop, step)


def sum_of(iterable: Any, start: Any) -> Any:
    total = start
    lost = 0.0
    exact = COMPENSATED and kind_of(start) in ("int", "float")
    for item in iterable:
        if exact and is_float(total) and is_float(item):
            rounded = total + item
            part = rounded - total
            lost = lost + ((total - (rounded - part)) + (item - part))
            total = rounded
        elif exact and is_float(total) and kind_of(item) not in ("int", "bool"):
            total = made_up(total, lost) + item
            exact = False
        else:
            total = total + item
    return made_up(total, lost) if exact and is_float(total) else total


def is_float(value: Any) -> bool:
    """Whether CPython's ``sum`` takes a number for a float: not those of NumPy."""
    return type(value) is float or (is_scalar(value) and value.kind == "float")


def made_up(total: Any, lost: Any) -> Any:
    """A sum and what rounding took from it, as CPython adds them."""
    if not is_scalar(lost):
        return total + lost if lost != 0.0 and math.isfinite(lost) else total
    counts = scalar_op("and_", scalar_op("ne", lost, 0.0), scalar_op("math.isfinite", lost))
    return scalar_op("select", counts, scalar_op("add", total, lost), total)


def any_of(iterable: Any) -> Any:
    for item in iterable:  # noqa: SIM110  # this is what stands in for `any` itself
        if item:
            return True
    return False


def all_of(iterable: Any) -> Any:
    for item in iterable:  # noqa: SIM110
        if not item:
            return False
    return True


def least(items: Any, key: Any, default: Any, largest: Any) -> Any:
    iterator = iter(items)
    first = next(iterator, MISSING)
    if first is MISSING:
        if default is MISSING:
            raise ValueError(
                "max() arg is an empty sequence" if largest else "min() arg is an empty sequence"
            )
        return default
    first_key = first if key is None else key(first)
    if isinstance(first_key, torch.Tensor):
        return best_so_far(first, first_key, iterator, key, largest)
    candidates = [first]
    keys = [first_key]
    for item in iterator:
        candidates.append(item)
        keys.append(item if key is None else key(item))
    return best_of(candidates, keys, largest)


def best_so_far(best: Any, best_key: Any, iterator: Any, key: Any, largest: Any) -> Any:
    """A comparison reads tensors: each is made when its item comes, as in CPython."""
    for item in iterator:
        item_key = item if key is None else key(item)
        if largest:
            if item_key > best_key:
                best, best_key = item, item_key
        elif item_key < best_key:
            best, best_key = item, item_key
    return best


def best_of(items: Any, keys: Any, largest: Any) -> Any:
    """The first item with the best key, one decision an item (see ``choices`` for the short way)."""
    best = items[0]
    best_key = keys[0]
    for index in range(1, len(items)):
        item_key = keys[index]
        if largest:
            if item_key > best_key:
                best, best_key = items[index], item_key
        elif item_key < best_key:
            best, best_key = items[index], item_key
    return best


def reduce_of(function: Any, iterable: Any, *initial: Any) -> Any:
    iterator = iter(iterable)
    if initial:
        value = initial[0]
    else:
        value = next(iterator, MISSING)
        if value is MISSING:
            raise TypeError("reduce() of empty iterable with no initial value")
    for item in iterator:
        value = function(value, item)
    return value


def call_module(module: Any, pre_hooks: Any, forward_hooks: Any, args: Any, kwargs: Any) -> Any:
    """``nn.Module.__call__`` with forward hooks."""
    for hook, with_kwargs in pre_hooks:
        if with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is not None:
                args, kwargs = changed
        else:
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    result = module.forward(*args, **kwargs)
    for hook, with_kwargs in forward_hooks:
        changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
        if changed is not None:
            result = changed
    return result


def index_in(items: Any, value: Any) -> Any:
    """``items.index(value)``"""
    for index in range(len(items)):
        if items[index] is value or items[index] == value:
            return index
    raise ValueError(f"{value} is not in list")


def pop_of(items: Any, index: Any) -> Any:
    """``list.pop`` of a list of known length, at a place that is known only at run time."""
    length = len(items)
    if length == 0:
        raise IndexError("pop from empty list")
    for position in range(length):
        if index == position or index == position - length:
            return items.pop(position)
    raise IndexError("pop index out of range")


def is_in(items: Any, value: Any, negative: Any) -> Any:
    """``value in items``, or the opposite."""
    for item in items:
        if item is value or item == value:
            return not negative
    return negative


def count_in(items: Any, value: Any) -> Any:
    """``items.count(value)``"""
    count = 0
    for item in items:
        if item is value or item == value:
            count += 1
    return count


def list_of_tensor(tensor: Any) -> Any:
    """``tensor.tolist()`` where sizes are known only at run time."""
    items = []
    for index in range(tensor.shape[0]):
        items.append(tensor[index].tolist())
    return items


def equal_tensors(one: Any, other: Any) -> Any:
    """``torch.equal`` where sizes are known only at run time."""
    if one.shape != other.shape:
        return False
    return (one == other).all().item()


def tensor_of_list(make: Any, items: Any, dtype: Any, kwargs: Any) -> Any:
    """``torch.tensor`` of a list of ints or bools: an empty one is of the default floating-point type."""
    if not items:
        return make([], **kwargs)
    return make(items, dtype=dtype, **kwargs)


def tensor_of_tensors(items: Any, dtype: Any, kwargs: Any) -> Any:
    """``torch.tensor`` of a list of tensors of one element, each of which stands for a number."""
    if not items:
        return torch.tensor([], **kwargs)
    return torch.stack(items).reshape(-1).to(dtype)


def extend_list(items: Any, iterable: Any) -> Any:
    for item in iterable:
        items.append(item)

"""The instructions of the host: what each means, in plain Python and NumPy.

One table, used by the generated host (through ``expression``), by the reference interpreter and by the
specializer's constant folding (through ``evaluate``). All are pure but ``noise``, which takes the next of
the random numbers that the session has: it stays where it is, and as often as it is.
"""

from __future__ import annotations

import bisect
import builtins
import heapq
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from dyncc.runtime.device import joined
from dyncc.runtime.records import frozen


@frozen
class HostOpSpec:
    """``evaluate`` is the meaning; ``expression`` is how the generated host writes it.

    In ``expression`` ``{0}``, ``{1}`` stand for the operands; ``None`` means that the host calls
    the function of this module by name. ``precedence`` as in Python's grammar (higher binds
    tighter; 100 for an atom or a call) tells the generator where parentheses are needed.
    """

    evaluate: Callable[..., Any]
    expression: str | None = None
    precedence: int = 100


def item(array: Any) -> bool | int | float:
    """The Python number in a tensor of one element (bool, integer or floating)."""
    if type(array) is np.ndarray or isinstance(array, np.generic):
        return array.item()
    return array.item() if hasattr(array, "item") else array


def truth(number: Any) -> bool:
    """``bool()`` of a number."""
    return bool(number)


def dim(array: Any, axis: int) -> int:
    """The size of ``array`` along ``axis`` as a Python int."""
    return int(array.shape[axis])


def list_append(items: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    """A new list with ``value`` at its end. Lists of the program are immutable tuples in the host."""
    return (*items, value)


def list_pop(items: tuple[Any, ...], index: int) -> tuple[Any, ...]:
    """The list without ``items[index]``, with the errors of ``list.pop``."""
    if not items:
        raise IndexError("pop from empty list")
    if not -len(items) <= index < len(items):
        raise IndexError("pop index out of range")
    position = index % len(items)
    return (*items[:position], *items[position + 1 :])


def list_delete(items: tuple[Any, ...], index: int) -> tuple[Any, ...]:
    """The list without ``items[index]``, with the error of ``del``."""
    if not -len(items) <= index < len(items):
        raise IndexError("list assignment index out of range")
    return list_pop(items, index)


def list_insert(items: tuple[Any, ...], index: int, value: Any) -> tuple[Any, ...]:
    """A new list with ``value`` before ``items[index]``, as ``list.insert`` places it."""
    return (*items[:index], value, *items[index:])


def list_slice(items: tuple[Any, ...], start: int, stop: int, step: int) -> tuple[Any, ...]:
    """``items[start:stop:step]``; a bound that the program leaves out is beyond every list."""
    return items[start:stop:step]


def list_index(items: tuple[Any, ...], value: Any) -> int:
    """``items.index(value)`` with its ValueError."""
    if value not in items:
        raise ValueError(f"{value!r} is not in list")
    return items.index(value)


def list_sort(items: tuple[Any, ...], reverse: bool) -> tuple[Any, ...]:
    """A new list of the numbers in order."""
    return tuple(sorted(items, reverse=reverse))


def list_get(items: tuple[Any, ...], index: int) -> Any:
    """``items[index]`` with Python's negative indices and IndexError."""
    if not -len(items) <= index < len(items):
        raise IndexError("list index out of range")
    return items[index]


def list_set(items: tuple[Any, ...], index: int, value: Any) -> tuple[Any, ...]:
    """A new list with ``items[index]`` replaced."""
    if not -len(items) <= index < len(items):
        raise IndexError("list assignment index out of range")
    position = index % len(items)
    return (*items[:position], value, *items[position + 1 :])


EMPTY = {
    "stack": "stack expects a non-empty TensorList",
    "cat": "torch.cat(): expected a non-empty list of Tensors",
}
"""What PyTorch says of a list without tensors."""


def stack(items: tuple[Any, ...], axis: int) -> Any:
    """``torch.stack`` of a list of arrays, with its error where there are none."""
    if not items:
        raise RuntimeError(EMPTY["stack"])
    on_device = joined(items, axis, new=True)
    return np.stack(items, axis) if on_device is None else on_device


def cat(items: tuple[Any, ...], axis: int) -> Any:
    """``torch.cat`` of a list of arrays, with its error where there are none."""
    if not items:
        raise ValueError(EMPTY["cat"])
    on_device = joined(items, axis, new=False)
    return np.concatenate(items, axis) if on_device is None else on_device


def tensor_of_numbers(items: tuple[Any, ...], dtype: str) -> Any:
    """``torch.tensor`` of a list of numbers, as an array of ``dtype``."""
    return np.asarray(items, dtype=dtype).reshape(len(items))


def order(reverse: bool, *keys: Any) -> tuple[int, ...]:
    """The positions of the keys in the order in which ``sorted`` puts them."""
    return tuple(sorted(range(len(keys)), key=keys.__getitem__, reverse=reverse))


def best(largest: bool, *keys: Any) -> int:
    """The position of the key that ``max`` (or ``min``) finds."""
    return (max if largest else min)(range(len(keys)), key=keys.__getitem__)


def foremost(largest: bool, count: int, keys: tuple[Any, ...]) -> tuple[int, ...]:
    """The positions of the keys that ``heapq.nlargest`` (or ``nsmallest``) gives."""
    choose = heapq.nlargest if largest else heapq.nsmallest
    return tuple(choose(count, range(len(keys)), key=keys.__getitem__))


def place(after: bool, value: Any, items: tuple[Any, ...]) -> int:
    """Where ``bisect`` puts ``value`` among ``items``: after those that are equal to it, or before."""
    return (bisect.bisect_right if after else bisect.bisect_left)(items, value)


def noise(kind: str, dtype: str, *sizes: int) -> Any:
    """The session's next random numbers (see :mod:`dyncc.runtime.noise`): only whoever runs it has them."""
    raise TypeError(f"{kind} noise of {dtype}{list(sizes)} is none of a constant")


RAISED = (ZeroDivisionError, OverflowError, IndexError, ValueError)
"""What operations on numbers and lists raise on values."""


def raises(op: str, *operands: Any) -> int:
    """What the operation ``op`` raises on these operands: 1 + its place in ``RAISED``; 0 for nothing."""
    try:
        HOST_OPS[op].evaluate(*operands)
    except RAISED as error:
        return 1 + next(place for place, kind in enumerate(RAISED) if isinstance(error, kind))
    return 0


def lookup(index: int, *table: Any) -> Any:
    """``table[index]``: the static value that a tag stands for (*The Trick*)."""
    return table[index]


def index_within(index: int, length: int) -> int:
    """An index into a list of so many from its beginning. Raises IndexError."""
    if not -length <= index < length:
        raise IndexError("list index out of range")
    return index if index >= 0 else index + length


def list_lookup(indices: tuple[int, ...], *table: Any) -> tuple[Any, ...]:
    """The same of each of a list of numbers."""
    return tuple(table[index] for index in indices)


def join(separator: str, texts: tuple[str, ...]) -> str:
    """``separator.join(texts)``."""
    return separator.join(texts)


def text(template: str, *values: Any) -> str:
    """The values in a template of ``str.format`` with plain fields (see :mod:`dyncc.runtime.texts`)."""
    return template.format(*values)


HOST_OPS: dict[str, HostOpSpec] = {
    # tensor -> number
    "item": HostOpSpec(item),
    # a read that the program needs no more, of a number known at compile time or of a tensor of which the
    # graph makes what follows: keeps the order of reads for the checks, then goes
    "static_read": HostOpSpec(lambda value: value, "{0}", 0),
    "dim": HostOpSpec(dim, "{0}.shape[{1}]"),
    # conversions
    "bool": HostOpSpec(truth, "bool({0})"),
    "int": HostOpSpec(builtins.int, "int({0})"),
    "float": HostOpSpec(builtins.float, "float({0})"),
    # arithmetic on numbers, with Python's own meaning
    "or_": HostOpSpec(operator.or_, "{0} | {1}", 7),
    "xor": HostOpSpec(operator.xor, "{0} ^ {1}", 8),
    "and_": HostOpSpec(operator.and_, "{0} & {1}", 9),
    "lshift": HostOpSpec(operator.lshift, "{0} << {1}", 10),
    "rshift": HostOpSpec(operator.rshift, "{0} >> {1}", 10),
    "add": HostOpSpec(operator.add, "{0} + {1}", 11),
    "sub": HostOpSpec(operator.sub, "{0} - {1}", 11),
    "mul": HostOpSpec(operator.mul, "{0} * {1}", 12),
    "truediv": HostOpSpec(operator.truediv, "{0} / {1}", 12),
    "floordiv": HostOpSpec(operator.floordiv, "{0} // {1}", 12),
    "mod": HostOpSpec(operator.mod, "{0} % {1}", 12),
    "neg": HostOpSpec(operator.neg, "-{0}", 13),
    "pos": HostOpSpec(operator.pos, "+{0}", 13),
    "invert": HostOpSpec(operator.invert, "~{0}", 13),
    "pow": HostOpSpec(operator.pow, "{0} ** {1}", 14),
    "abs": HostOpSpec(builtins.abs, "abs({0})"),
    "min": HostOpSpec(builtins.min, "min({0}, {1})"),
    "max": HostOpSpec(builtins.max, "max({0}, {1})"),
    "round": HostOpSpec(builtins.round, "round({0})"),
    "round_digits": HostOpSpec(builtins.round, "round({0}, {1})"),
    # comparison
    "lt": HostOpSpec(operator.lt, "{0} < {1}", 6),
    "le": HostOpSpec(operator.le, "{0} <= {1}", 6),
    "gt": HostOpSpec(operator.gt, "{0} > {1}", 6),
    "ge": HostOpSpec(operator.ge, "{0} >= {1}", 6),
    "eq": HostOpSpec(operator.eq, "{0} == {1}", 6),
    "ne": HostOpSpec(operator.ne, "{0} != {1}", 6),
    "not": HostOpSpec(operator.not_, "not {0}", 5),
    "select": HostOpSpec(lambda c, a, b: a if c else b, "{1} if {0} else {2}", 2),
    # the math module
    **{
        f"math.{name}": HostOpSpec(getattr(math, name), f"math.{name}({{0}})")
        for name in (
            "sqrt exp log log2 log10 log1p expm1 sin cos tan asin acos atan sinh cosh tanh "
            "floor ceil trunc fabs isnan isinf isfinite erf gamma lgamma degrees radians"
        ).split()
    },
    **{
        f"math.{name}": HostOpSpec(getattr(math, name), f"math.{name}({{0}}, {{1}})")
        for name in ("pow", "atan2", "fmod", "copysign", "hypot")
    },
    "math.log_base": HostOpSpec(math.log, "math.log({0}, {1})"),
    # lists whose length is decided at run time
    "list": HostOpSpec(lambda *items: items),
    "list_append": HostOpSpec(list_append),
    "list_extend": HostOpSpec(operator.add, "{0} + {1}", 11),
    "list_pop": HostOpSpec(list_pop),
    "list_delete": HostOpSpec(list_delete),
    "list_get": HostOpSpec(list_get),
    "list_set": HostOpSpec(list_set),
    "list_insert": HostOpSpec(list_insert),
    "list_slice": HostOpSpec(list_slice),
    "list_index": HostOpSpec(list_index),
    "list_sort": HostOpSpec(list_sort),
    "list_contains": HostOpSpec(operator.contains, "{1} in {0}", 6),
    "list_count": HostOpSpec(operator.countOf, "{0}.count({1})"),
    "list_len": HostOpSpec(len, "len({0})"),
    "stack": HostOpSpec(stack),
    "cat": HostOpSpec(cat),
    "tensor_of_numbers": HostOpSpec(tensor_of_numbers),
    "noise": HostOpSpec(noise),
    "order": HostOpSpec(order),
    "best": HostOpSpec(best),
    "foremost": HostOpSpec(foremost),
    "place": HostOpSpec(place),
    # exceptions that the program handles
    "raises": HostOpSpec(raises),
    # tags
    "lookup": HostOpSpec(lookup),
    "index_within": HostOpSpec(index_within),
    "list_lookup": HostOpSpec(list_lookup),
    "join": HostOpSpec(join),
    # texts with numbers in them
    "text": HostOpSpec(text),
}

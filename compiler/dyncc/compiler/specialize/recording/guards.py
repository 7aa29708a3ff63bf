"""Guards on sizes: what a fake call assumed of a size that is known only when the network runs.

A fake call may look at a size by the number that stands for it while compiling, and its result is then that
for such sizes alone (how many parts ``split`` gives). PyTorch notes each such assumption. Here the call
is tried on other sizes: where the shapes that were recorded are those of every one of them, the
assumption did not matter.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from dyncc.compiler.specialize.recording.tensor_types import storage_key
from dyncc.compiler.tuples import tuple_of

TRIALS = (1, 2, 3, 5, 8, 19)
"""Sizes that a call is tried on, all of its unknown sizes alike, and then each for itself."""
_RAISED = object()
_MANY = 12
"""Sizes of a call beyond which their products are not tried."""
_STATE = ("guards", "replacements", "var_to_range", "axioms", "divisible", "replacements_slv")
_CACHED = (
    "_inner_evaluate_expr", "_maybe_guard_rel", "constrain_symbol_range", "guard_or_defer_runtime_assert",
)  # fmt: skip
"""Methods that change the environment, and do so once for equal arguments: they are cached."""


@dataclass(frozen=True)
class Allowed:
    """Whether sizes are to be thought of: what is known of them may exclude some.

    ``least`` tells of symbols how large they are at least, where that is known.
    """

    agree: Callable[[dict[Any, int]], bool]
    least: Mapping[Any, int]

    def __call__(self, sizes: dict[Any, int]) -> bool:
        return self.agree(sizes)


@dataclass(frozen=True)
class Assumptions:
    """What a shape environment knew before a call."""

    env: ShapeEnv
    guards: int
    replacements: int
    asserts: dict[Any, list[Any]]
    saved: dict[str, Any]

    @staticmethod
    def before(env: ShapeEnv) -> Assumptions:
        saved = {name: copy.copy(getattr(env, name)) for name in _STATE if hasattr(env, name)}
        asserts = {symbol: list(found) for symbol, found in env.deferred_runtime_asserts.items()}
        return Assumptions(env, len(env.guards), len(env.replacements), asserts, saved)

    def made(self) -> bool:
        """Whether the call assumed anything."""
        return len(self.env.guards) > self.guards or len(self.env.replacements) > self.replacements

    def fixed(self) -> dict[Any, int]:
        """The sizes that are known only when the network runs, of which the call assumed a number."""
        old = self.saved["replacements"]
        new = {symbol: value for symbol, value in self.env.replacements.items() if symbol not in old}
        return {symbol: int(value) for symbol, value in new.items() if value.is_Integer}

    def conditions(self) -> list[Any]:
        """The guards that the call put."""
        return [guard.expr for guard in self.env.guards[self.guards :]]

    def asserted(self) -> list[Any]:
        """What the call takes for granted of sizes that the block computes: the export asserts it."""
        known = {id(found) for several in self.asserts.values() for found in several}
        now = [found for several in self.env.deferred_runtime_asserts.values() for found in several]
        return [found.expr for found in now if id(found) not in known]

    def undo(self, asserted: bool = False) -> None:
        """Forget what the call assumed, with ``asserted`` also what the export is to assert."""
        before = self.saved["var_to_range"]
        made = {symbol: known for symbol, known in self.env.var_to_range.items() if symbol not in before}
        for name, value in self.saved.items():
            setattr(self.env, name, copy.copy(value))
        self.env.var_to_range.update(made)  # sizes that data decide, which the call gave
        if asserted:
            self.env.deferred_runtime_asserts = {s: list(found) for s, found in self.asserts.items()}
            self.env.num_deferred_runtime_asserts = sum(map(len, self.asserts.values()))
        self.env._update_version_counter()
        if hasattr(self.env, "_replacements_version_counter"):  # what expressions are cached by
            self.env._replacements_version_counter += 1
        for name in _CACHED:
            if clear := getattr(getattr(ShapeEnv, name, None), "cache_clear", None):
                clear()

    @contextmanager
    def without_effect(self) -> Iterator[None]:
        """What is assumed inside is noted, but no size is replaced by what it is assumed to be."""
        self.env._maybe_guard_rel = lambda expr: None  # type: ignore[method-assign]
        try:
            yield
        finally:
            del self.env._maybe_guard_rel


class Fixed(Exception):
    """A call needs ``sizes`` to be these numbers; where ``spreads``, they can be one as well."""

    def __init__(self, sizes: dict[Any, int], spreads: bool) -> None:
        super().__init__(sizes)
        self.sizes, self.spreads = sizes, spreads


def spread(func: Callable[..., Any], args: Any, kwargs: Any, shapes: Any, fixed: dict[Any, int]) -> bool:
    """Whether the call takes the sizes that it needs ``fixed`` as one too."""
    symbols = {s for shape in shapes.values() for s in symbols_of(shape)}
    return _tried(func, args, kwargs, shapes, {s: 1 if s in fixed else 7 for s in symbols}) is not _RAISED


def takes_others(
    func: Callable[..., Any], args: Any, kwargs: Any, shapes: Any, allowed: Allowed, fixed: dict[Any, int]
) -> bool:
    """Whether the call takes other sizes than those that it seemed to need ``fixed``, and than one."""
    return any(
        _tried(func, args, kwargs, shapes, sizes) is not _RAISED
        for sizes in _trials(shapes, allowed)
        if any(sizes[symbol] not in (1, number) for symbol, number in fixed.items() if symbol in sizes)
    )


def with_sizes(tensor: torch.Tensor, fixed: dict[Any, int]) -> list[int] | None:
    """The shape of a fake tensor with one size ``fixed``; None where that is not what it is."""
    sizes = [size if isinstance(size, int) else _expr(size).subs(fixed) for size in tensor.shape]
    changed = sum(not isinstance(size, int) for size in tensor.shape)
    return (
        [int(s) for s in sizes]
        if changed == 1 and all(sympy.sympify(s).is_Integer for s in sizes)
        else None
    )


def holds(tensor: torch.Tensor, symbols: Any) -> bool:
    """Whether a size of a fake tensor is made of one of ``symbols``."""
    return any(
        not isinstance(size, int) and _expr(size).free_symbols & set(symbols) for size in tensor.shape
    )


def matter(
    func: Callable[..., Any], args: Any, kwargs: Any, result: Any, shapes: Any, allowed: Allowed
) -> bool:
    """Whether ``result``, recorded of a fake call, would be of other shapes for other sizes.

    ``shapes`` are those of the tensors among ``args`` and ``kwargs`` before the call, by identity.
    """
    return any(_differs(func, args, kwargs, result, shapes, sizes) for sizes in _trials(shapes, allowed))


def too_strict(
    func: Callable[..., Any], args: Any, kwargs: Any, shapes: Any, allowed: Allowed, asserted: Sequence[Any]
) -> bool:
    """Whether the call can do without what is ``asserted``: it gives a result for sizes that violate it."""
    return any(
        _tried(func, args, kwargs, shapes, sizes) is not _RAISED
        for sizes in _trials(shapes, allowed)
        if any(expr.subs(sizes) == sympy.false for expr in asserted)
    )


_LARGE = (64, 1024, 65536)
"""Sizes that a call takes whose least size is made of its arguments (a kernel that is dilated)."""


def numbers_in(values: Any) -> set[int]:
    """The whole numbers among arguments, the next ones and large ones: what sizes are compared with."""
    found = set(_LARGE)
    mapped(values, lambda v: found.update((abs(v), abs(v) + 1)) if type(v) is int else None)
    return found


def taken(
    func: Callable[..., Any],
    args: Any,
    kwargs: Any,
    shapes: Any,
    allowed: Allowed,
    further: Collection[int] = (),
) -> list[dict[Any, int]]:
    """The sizes that the call takes, of those that it is tried on: its other tensors' are among them."""
    numbers = {size for shape in shapes.values() for size in shape if isinstance(size, int) and size > 0}
    products = {one * other for one in numbers for other in numbers} if len(numbers) < _MANY else set()
    tried = _trials(shapes, allowed, sorted({0, *further} | numbers | products))
    return [sizes for sizes in tried if _tried(func, args, kwargs, shapes, sizes) is not _RAISED]


def _trials(shapes: Any, allowed: Allowed, further: Sequence[int] = ()) -> list[dict[Any, int]]:
    symbols = sorted({s for shape in shapes.values() for s in symbols_of(shape)}, key=str)
    return trials(symbols, allowed, further)


def trials(symbols: Sequence[Any], allowed: Allowed, further: Sequence[int] = ()) -> list[dict[Any, int]]:
    """Numbers for unknown sizes to try a call on."""
    least = {s: allowed.least.get(s, 0) for s in symbols}
    beside = {s: next((n for n in range(7, 1, -1) if allowed({s: n})), least[s] + 7) for s in symbols}
    found = [dict.fromkeys(symbols, n) for n in TRIALS]
    found += [{s: n + least[s] for s in symbols} for n in (0, *TRIALS) if any(least.values())]
    found += [{**beside, one: n} for one in symbols for n in (*TRIALS[:3], *further)]
    found += [{**beside, one: n + least[one]} for one in symbols for n in (0, 1, 2, 4) if least[one]]
    return [sizes for sizes in found if allowed(sizes)]


def fitted(
    func: Callable[..., Any], args: Any, kwargs: Any, result: Any, shapes: Any, sizes: dict[Any, Any]
) -> Any:
    """``result`` with sizes that are linear in the unknown ones; None where they are not.

    ``sizes`` are the unknown sizes as numbers of the shape environment. The sizes of the result are fitted
    to a few trials; whether they hold for others is for :func:`matter` to say. Must run in the fake mode.
    """
    symbols = sorted({s for shape in shapes.values() for s in symbols_of(shape)}, key=str)
    if not symbols or any(s not in sizes for s in symbols) or shares(result, args, kwargs):
        return None
    base = dict.fromkeys(symbols, _BASE)
    trials = [base, *({**base, s: _BASE + _STEP} for s in symbols)]
    tried = [_tried(func, args, kwargs, shapes, trial) for trial in trials]
    if any(t is _RAISED for t in tried):
        return None
    columns = [list(_tensors(t)) for t in tried]
    recorded = list(_tensors(result))
    if any(len(column) != len(recorded) for column in columns):
        return None
    made = {
        id(tensor): _of_linear_size(tensor, [column[i] for column in columns], [sizes[s] for s in symbols])
        for i, tensor in enumerate(recorded)
    }
    return None if None in made.values() else mapped(result, lambda value: made.get(id(value), value))


_BASE, _STEP = 12, 4


def _of_linear_size(like: torch.Tensor, tried: list[torch.Tensor], sizes: list[Any]) -> torch.Tensor | None:
    base, *others = (tuple(tensor.shape) for tensor in tried)
    if any(len(shape) != len(base) for shape in others) or not tried[0].is_contiguous():
        return None
    shape: list[Any] = []
    for axis, number in enumerate(base):
        slopes = [(other[axis] - number) / _STEP for other in others]
        if any(slope != int(slope) for slope in slopes):
            return None
        size: Any = number - sum(int(slope) * _BASE for slope in slopes)
        for slope, unknown in zip(slopes, sizes, strict=True):
            size = size + int(slope) * unknown if slope else size
        shape.append(size)
    return torch.empty(shape, dtype=like.dtype, device=like.device)


def shares(result: Any, args: Any, kwargs: Any) -> bool:
    """Whether the call gave back memory of its arguments."""
    given: set[int] = set()
    mapped((args, kwargs), lambda v: given.add(storage_key(v)) if isinstance(v, torch.Tensor) else v)
    return any(storage_key(tensor) in given for tensor in _tensors(result))


def shapes_of(values: Iterator[Any]) -> dict[int, Any]:
    """The symbolic sizes and strides of fake tensors, and numbers, by identity."""
    found: dict[int, Any] = {}
    for value in values:
        if isinstance(value, torch.Tensor):
            found[id(value)] = [*map(_expr, value.shape), *map(_expr, value.stride())]
        elif isinstance(value, torch.SymInt):
            found[id(value)] = [_expr(value)]
    return found


def _expr(size: Any) -> Any:
    return size if isinstance(size, int) else size.node.expr


def symbols_of(shape: Any) -> set[Any]:
    """The unknown sizes that a shape of :func:`shapes_of` is made of."""
    return set().union(*(size.free_symbols for size in shape if not isinstance(size, int)))


def _number(size: Any, sizes: dict[Any, int]) -> int:
    return size if isinstance(size, int) else int(size.subs(sizes))


def _differs(
    func: Callable[..., Any], args: Any, kwargs: Any, result: Any, shapes: Any, sizes: dict[Any, int]
) -> bool:
    tried = _tried(func, args, kwargs, shapes, sizes)
    if tried is _RAISED:
        return False  # eager raises as well, when it comes to that
    recorded, real = list(_tensors(result)), list(_tensors(tried))
    if len(recorded) != len(real):
        return True
    return any(not _agree(a.shape, b.shape, sizes) for a, b in zip(recorded, real, strict=True))


def takes(func: Callable[..., Any], args: Any, kwargs: Any, shapes: Any, sizes: dict[Any, int]) -> bool:
    """Whether the call takes these sizes."""
    return _tried(func, args, kwargs, shapes, sizes) is not _RAISED


def with_numbers(value: Any, shapes: Any, sizes: dict[Any, int]) -> Any:
    """An argument that is a number, or the shape of a tensor, for these sizes; anything else as it is."""
    known = shapes.get(id(value))
    if known is None or not isinstance(value, (torch.Tensor, torch.SymInt)):
        return value
    numbers = [_number(size, sizes) for size in known]
    return numbers[: value.dim()] if isinstance(value, torch.Tensor) else numbers[0]


def _tried(func: Callable[..., Any], args: Any, kwargs: Any, shapes: Any, sizes: dict[Any, int]) -> Any:
    """What the call gives for these sizes; ``_RAISED`` where it raises."""
    mode = FakeTensorMode()

    def concrete(value: Any) -> Any:
        known = shapes.get(id(value))
        if known is None or not isinstance(value, (torch.Tensor, torch.SymInt)):
            return value
        numbers = [_number(size, sizes) for size in known]
        if isinstance(value, torch.SymInt):
            return numbers[0]
        rank = value.dim()
        return torch.empty_strided(numbers[:rank], numbers[rank:], dtype=value.dtype, device=value.device)

    try:
        with torch._C.DisableTorchFunction(), mode:
            return func(*mapped(args, concrete), **mapped(kwargs, concrete))
    except Exception:
        return _RAISED


def _agree(symbolic: Any, real: Any, sizes: dict[Any, int]) -> bool:
    if len(symbolic) != len(real):
        return False
    for size, number in zip(symbolic, real, strict=True):
        if not isinstance(number, int):
            continue  # data-dependent even so
        expr = sympy.sympify(_expr(size)).subs(sizes)
        if expr.is_number and int(expr) != number:
            return False
    return True


def mapped(value: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(value, (list, tuple)):
        items = [mapped(item, function) for item in value]
        return items if isinstance(value, list) else tuple_of(type(value), items)
    if isinstance(value, dict):
        return {key: mapped(item, function) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(*(mapped(part, function) for part in (value.start, value.stop, value.step)))
    return function(value)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def unknown_sizes(values: Iterator[Any]) -> dict[Any, Any]:
    """Symbols of which a number or the size of a tensor among ``values`` tells: that as a number."""
    found: dict[Any, Any] = {}
    for value in values:
        for number in value.shape if isinstance(value, torch.Tensor) else (value,):
            if not isinstance(number, torch.SymInt) or len(number.node.expr.free_symbols) != 1:
                continue
            expr = number.node.expr
            (symbol,) = expr.free_symbols
            offset = sympy.expand(expr - symbol)
            if offset.is_Integer:
                found.setdefault(symbol, number - int(offset) if offset else number)
    return found
